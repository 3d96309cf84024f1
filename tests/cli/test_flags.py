"""The flags of the commands that read a table: one table of who has which, and each flag does what it says in each."""

import importlib

import numpy as np
import pytest
import typer
from PIL import Image
from typer.main import get_command

import fallline as fl
from fallline.cli.app import app
from fallline.cli.flags import spelling, with_flags
from fallline.cli.logs import LogFlags
from fallline.cli.main import run as program
from fallline.cli.shared_flags import PATHS, DataFlags, RecipeFlags
from fallline.cli.train_run import train_and_save
from fallline.core.block import get, replace
from fallline.core.errors import FalllineError

EVERYWHERE = {"train", "tune", "compare", "trainability"}
LEARNING = {"train", "tune"}  # a comparison and a map run all their epochs and judge losses
DATA = [
    "SOURCE", "--target", "--names", "--task", "--kind", "--missing", "--test", "--valid", "--test-source",
    "--valid-source", "--groups", "--time", "--stratify", "--weights", "--drop-missing-target", "--image-size",
    "--memory", "--split", "--cache",
]  # fmt: skip
RECIPE = [
    "--hidden", "--activation", "--dropout", "--loss", "--class-weight", "--target-transform", "--optimizer",
    "--momentum", "--schedule", "--learning-rate", "--initializer", "--batch-norm", "--layer-norm", "--pieces",
    "--scaler", "--pca", "--l1", "--max-norm", "--l2", "--batch-size", "--epochs", "--set",
]  # fmt: skip
TABLE = {
    **dict.fromkeys(DATA + RECIPE, EVERYWHERE),
    **dict.fromkeys(["--calibrate", "--patience", "--monitor"], LEARNING),
    "--recipe": EVERYWHERE - {"tune"},
    "--space": {"tune"},
    "--log": LEARNING,
}


COMMANDS = get_command(app).commands


def parameters(command):
    """Every parameter of a command as it is written in a shell."""
    found = COMMANDS[command].params
    return {
        each.opts[0] if isinstance(each, typer.core.TyperOption) else each.name.upper(): each
        for each in found
        if each.name != "help"
    }


def test_every_command_has_the_flags_that_it_should():
    for flag, commands in TABLE.items():
        assert {each for each in EVERYWHERE if flag in parameters(each)} == commands, flag


def test_the_table_lists_every_shared_flag():
    declared = {
        spelling(group, name) for group in (DataFlags, RecipeFlags, LogFlags) for name in group.__dataclass_fields__
    }
    assert declared == TABLE.keys() - {"--recipe", "--space"}


@pytest.mark.parametrize("flag", TABLE)
def test_a_flag_has_one_type_and_one_default(flag):
    found = [parameters(each)[flag] for each in TABLE[flag]]
    assert len({(str(getattr(each, "type", None)), str(each.default), each.nargs) for each in found}) == 1
    assert all(each.help for each in found)


class CaughtError(Exception):
    """The recipe and the table that a command was about to work on."""


@pytest.fixture
def caught(monkeypatch, tmp_path):
    """Runs a command up to its work, and returns the recipe and the arguments of `load`."""

    def stop(recipe, source):
        raise CaughtError(recipe, source)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fallline.cli.train.train_and_save", lambda plan, *_, **__: stop(plan.recipe, plan.data))
    monkeypatch.setattr("fallline.cli.tune._search", lambda o, *_: stop(o["space"].recipe, o["data"].source))
    # `fallline.lab` gives these names to the functions, so the modules have to be asked for.
    comparing, mapping = (importlib.import_module(f"fallline.lab.{each}") for each in ("compare", "trainability"))
    monkeypatch.setattr(
        comparing,
        "compare",
        lambda table, recipe, *_, epochs, **__: stop(replace(recipe, {"epochs": epochs}), table.source),
    )
    monkeypatch.setattr(mapping, "trainability", lambda recipe, table, *_, **__: stop(recipe, table.source))

    def call(command, *arguments):
        # An axis of numbers that no flag of the tests below sets.
        axes = ["--x", "optimizer.beta1=0.1,0.9", "--y", "optimizer.beta2=0.1,0.9"] if command == "trainability" else []
        rule = ["--optimizer", "adam"] if command == "trainability" and "--optimizer" not in arguments else []
        varied = ["--vary", "initializer"] if command == "compare" and "--initializer" not in arguments else []
        if command == "compare" and not varied:
            varied = ["--vary", "batch_size"]
        with pytest.raises(CaughtError) as found:
            program([command, *axes, *varied, *rule, *arguments])
        return found.value.args

    return call


@pytest.fixture
def rows(tmp_path):
    """A table of two files, in the folder where the commands run."""
    made = np.random.default_rng(0)
    for name in ("a.csv", "b.csv"):
        lines = [f"{each[0]:.3f},{each[1]:.3f},{int(each.sum() > 1)}" for each in made.random((60, 2))]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    wide = [",".join(f"{value:.3f}" for value in each) for each in made.random((60, 5))]
    (tmp_path / "wide.csv").write_text("\n".join(["t,u,v,w,x", *wide]) + "\n")
    for position in range(12):
        folder = tmp_path / "images" / ("dark", "light")[position % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6), 20 * position, np.uint8)).save(folder / f"{position}.png")
    return "a.csv"


@pytest.mark.parametrize("command", sorted(EVERYWHERE))
def test_every_data_flag_reaches_the_table(command, caught, rows):
    _, data = caught(
        command, rows, "--names", "u,v,w", "--target", "w", "--task", "regression", "--kind", "u=category",
        "--missing", "impute", "--test-source", "b.csv", "--valid", "0.25",
    )  # fmt: skip
    expected = {
        "names": ["u", "v", "w"], "target": "w", "task": "regression", "kinds": {"u": "category"}, "missing": "impute",
        "test_source": "b.csv", "valid": 0.25,
    }  # fmt: skip
    assert {name: data[name] for name in expected} == expected
    _, data = caught(command, rows, "--names", "u,v,w", "--target", "w", "--test", "0.3", "--valid-source", "b.csv")
    assert (data["test"], data["valid_source"]) == (0.3, "b.csv")
    _, data = caught(
        command, "wide.csv", "--target", "w", "--target", "v", "--groups", "u", "--stratify", "none",
        "--drop-missing-target",
    )  # fmt: skip
    expected = {"target": ["w", "v"], "groups": "u", "stratify": "none", "drop_missing_target": True}
    assert {name: data[name] for name in expected} == expected
    _, data = caught(command, "wide.csv", "--target", "w", "--time", "t", "--weights", "v")
    assert (data["time"], data["weights"]) == ("t", "v")
    _, data = caught(command, "images", "--image-size", "5x4")
    assert (data["source"], data["image_size"]) == ("images", "5x4")


@pytest.mark.parametrize(
    "words",
    [
        "a.csv --names u,v,w --target w --task regression --kind u=category --test 0.3 --valid 0.2",
        "a.csv --names u,v,w --target w --test-source b.csv --missing impute",
        "wide.csv --target w --target v --groups u --stratify none --drop-missing-target",
        "wide.csv --target w --time t --weights v",
        "wide.csv --target w --groups u --stratify v",
        "images --image-size 5x4",
    ],
)
def test_the_same_data_flags_give_the_same_table_in_every_command(words, caught, rows, monkeypatch):
    def stop(*given, **_):
        (table,) = [each for each in given if isinstance(each, fl.Table)]
        raise CaughtError(table)

    # Each command is stopped where it has its table.
    monkeypatch.setattr("fallline.cli.train.train_and_save", train_and_save)
    monkeypatch.setattr("fallline.cli.train_run._completed", lambda plan, data, table: stop(table))
    monkeypatch.setattr("fallline.cli.tune._search", lambda options, *_: stop(options["data"]))
    for name in ("compare", "trainability"):
        monkeypatch.setattr(importlib.import_module(f"fallline.lab.{name}"), name, stop)
    found = {each: caught(each, *words.split())[0] for each in EVERYWHERE}
    assert {each.fingerprint for each in found.values()} == {found["train"].fingerprint}
    assert {repr(each.schema.to_dict()) for each in found.values()} == {repr(found["train"].schema.to_dict())}
    for part in ("train", "valid", "test"):
        assert len({tuple(getattr(each.dataset, part)) for each in found.values()}) == 1


VALUES = {
    "--hidden": ("7,5", (7, 5)),
    "--activation": ("gelu", "gelu"),
    "--dropout": ("0.125", 0.125),
    "--loss": ("focal", "focal"),
    "--class-weight": ("balanced", "balanced"),
    "--calibrate": ("temperature", "temperature"),
    "--optimizer": ("rmsprop", "rmsprop"),
    "--momentum": ("0.8", 0.8),
    "--learning-rate": ("0.02", 0.02),
    "--initializer": ("orthogonal", "orthogonal"),
    "--batch-norm": (None, True),
    "--layer-norm": (None, True),
    "--pieces": ("3", 3),
    "--scaler": ("min_max", "min_max"),
    "--pca": ("2", "pca"),
    "--l1": ("0.01", 0.01),
    "--l2": ("0.03", 0.03),
    "--max-norm": ("2.5", 2.5),
    "--batch-size": ("48", 48),
    "--epochs": ("9", 9),
    "--patience": ("4", 4),
    "--monitor": ("accuracy", "accuracy"),
    "--target-transform": ("log", "log"),
    "--schedule": ("one_cycle", "one_cycle"),
    "--set": ("model.dropout=0.25", 0.25),
}
PLACES = {
    "--class-weight": "class_weight",
    "--optimizer": "optimizer",
    "--learning-rate": "optimizer.learning_rate",
    "--schedule": "optimizer.learning_rate",
    "--pca": "scaler",
    "--l1": "penalty.strength",
    "--l2": "penalty.strength",
    "--max-norm": "penalty.limit",
    "--set": "model.dropout",
}


@pytest.mark.parametrize(
    ("command", "flag"), [(each, flag) for flag in VALUES for each in sorted(TABLE[flag])], ids=lambda each: each
)
def test_every_recipe_flag_sets_its_field(command, flag, caught):
    text, expected = VALUES[flag]
    also = {
        "--momentum": ["--optimizer", "nesterov"],
        "--optimizer": ["--x", "optimizer.decay=0.5,0.9", "--y", "optimizer.epsilon=1e-8,1e-4"],
    }.get(flag, [])
    if flag == "--optimizer" and command != "trainability":
        also = []
    if flag == "--momentum" and command == "trainability":
        also = [*also, "--x", "optimizer.learning_rate=0.1,1", "--y", "model.dropout=0,0.5"]
    source = "sklearn:diabetes" if flag == "--target-transform" else "sklearn:iris"
    recipe, _ = caught(command, source, *also, flag, *([] if text is None else [text]))
    found = get(recipe, PLACES.get(flag) or PATHS[flag.strip("-").replace("-", "_")])
    found = getattr(found, "size", found) if isinstance(expected, float) else getattr(found, "name", found)
    assert found == expected


def test_a_comparison_is_of_twenty_epochs_unless_a_flag_says_otherwise(caught):
    def epochs(*arguments):
        return caught("compare", "sklearn:iris", *arguments)[0].epochs

    assert (epochs(), epochs("--epochs", "3"), epochs("--set", "epochs=4")) == (20, 3, 4)


def test_a_number_that_a_flag_gives_is_not_searched(caught):
    def names(*arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("fallline.cli.tune._search", lambda options, *_: stop(options["space"]))
            with pytest.raises(CaughtError) as found:
                program(["tune", "sklearn:iris", *arguments])
        return found.value.args[0].names

    def stop(space):
        raise CaughtError(space)

    usual = ("model.dropout", "optimizer.learning_rate.peak", "penalty.strength")
    assert names() == usual
    assert names("--dropout", "0.1") == usual[1:]
    assert names("--learning-rate", "0.1") == (usual[0], usual[2])
    assert names("--set", "optimizer.learning_rate.peak=0.1") == (usual[0], usual[2])
    assert names("--l1", "0.1", "--l2", "0.1") == usual[:2]
    assert names("--set", 'penalty={name="l2", strength=0.1}') == usual[:2]
    assert names("--set", "penalty=l1") == usual
    assert names("--optimizer", "momentum", "--momentum", "0.8", "--hidden", "8") == usual
    assert names("--set", 'model.dropout={name="uniform", low=0.0, high=0.5}') == usual[:1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tune", "sklearn:iris", "--learning-rate", "find"), "--learning-rate 'find' is not a number"),
        (
            ("tune", "sklearn:iris", "--dropout", "0.1", "--l2", "0", "--learning-rate", "0.1"),
            "nothing is left to search",
        ),
        (
            ("tune", "--resume", "x.db", "--names", "a", "--epochs", "3", "--batch-norm"),
            "--names, --batch-norm, --epochs",
        ),
        (("tune", "sklearn:iris", "--kind", "a=nothing"), "--kind 'a=nothing' is not COLUMN=KIND"),
        (("compare", "sklearn:iris", "--optimizer", "sgd"), "--optimizer has no effect: --vary optimizer tries"),
        (("compare", "sklearn:iris", "--vary", "model.dropout=0,1", "--dropout", "0.5"), "--dropout has no effect"),
        (("compare", "sklearn:iris", "--vary", "schedule", "--schedule", "cosine"), "--schedule has no effect"),
        (("compare", "sklearn:iris", "--set", "patience=3"), "--set patience has no effect"),
        (("compare", "sklearn:iris", "--epochs", "auto"), "epochs = 'auto' is not a number of epochs"),
        (("trainability", "sklearn:iris", "--learning-rate", "1"), "--learning-rate has no effect: --x tries"),
        (("trainability", "sklearn:iris", "--set", "keep=last"), "--set keep has no effect"),
        (("trainability", "sklearn:iris", "--hidden", "x"), "--hidden 'x' is not a list"),
        (("train", "--resume", "run", "--test", "0.0"), "--resume continues a run with its own settings"),
        (("train", "--resume", "run", "--epochs", "9", "--set", "loss=focal"), "--resume continues a run with its own"),
    ],
)
def test_a_flag_without_effect_or_sense_is_refused_in_one_sentence(arguments, says, capsys):
    with pytest.raises(SystemExit) as stop:
        program(list(arguments))
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_a_group_takes_the_help_and_the_place_that_the_command_gives_it():
    shown = parameters("compare")
    assert shown["--epochs"].help == "length of every training (default: 20)"
    assert parameters("train")["--epochs"].help != shown["--epochs"].help
    order = list(shown)
    assert order[:2] == ["SOURCE", "--target"]
    assert order.index("--vary") < order.index("--hidden")


def test_a_command_without_groups_is_left_as_it_is():
    def command(name: str = "a", size: int = 3) -> int:
        return len(name) * size

    assert with_flags(command)(name="ab", size=2) == 4


def test_what_a_flag_sets_is_named_by_it():
    from fallline.training.recipe import Recipe

    flags = RecipeFlags(l1=0.1, max_norm=3.0, schedule="cosine")
    recipe = flags.apply(Recipe())
    assert flags.paths(recipe) == {"schedule": "--schedule", "penalty.parts.0.strength": "--max-norm"}
    with pytest.raises(FalllineError, match="--schedule has no effect: it is varied; leave it out"):
        flags.refuse(["schedule"], "it is varied", recipe)

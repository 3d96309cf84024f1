"""The flags that `train`, `tune`, `compare` and `trainability` share: the data, and what differs from the recipe."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.find_rate import parse_rate
from fallline.cli.flags import Flags
from fallline.cli.recipes import changed, parse_count, parse_kinds, parse_setting, parse_widths, rate_of
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.training.recipe import Recipe

Opt = typer.Option
PATHS = {  # the field of the recipe that a flag sets, in the order in which they are set
    "momentum": "optimizer.momentum",
    "scaler": "scaler",
    "initializer": "model.initializer",
    "batch_norm": "model.batch_norm",
    "layer_norm": "model.layer_norm",
    "pieces": "model.pieces",
    "hidden": "model.hidden",
    "activation": "model.activation",
    "dropout": "model.dropout",
    "loss": "loss",
    "calibrate": "calibrate",
    "target_transform": "target_transform",
    "batch_size": "batch_size",
    "epochs": "epochs",
    "patience": "patience",
    "monitor": "monitor",
}
PARSED: dict[str, Any] = {
    "hidden": parse_widths,
    "batch_size": parse_count,
    "epochs": parse_count,
    "patience": parse_count,
    "learning_rate": parse_rate,
}
PENALTIES = ("l1", "l2", "max_norm")


@dataclasses.dataclass(frozen=True)
class DataFlags(Flags):
    """The arguments of `load` and of `scan`, as flags."""

    source: Annotated[
        str | None,
        typer.Argument(help="CSV, Parquet, Feather, .npz, folder, DIR/*.parquet, sklearn:NAME"),
    ] = None
    target: Annotated[list[str] | None, Opt(help="column to predict; again for each further output")] = None
    names: Annotated[str | None, Opt(help="column names of a file without a header: a,b,c")] = None
    task: Annotated[str | None, Opt(help="classification or regression; default: by the target")] = None
    kind: Annotated[
        list[str] | None,
        Opt(
            help="overrule a column: COLUMN=number, category, boolean, date, text, drop, decimal_comma, day_first, ..."
        ),
    ] = None
    missing: Annotated[str | None, Opt(help="NaN in arrays: impute or error")] = None
    test: Annotated[float | None, Opt(help="share of rows for testing (default 0.2)")] = None
    valid: Annotated[float | None, Opt(help="share of rows for validation (default 0.1)")] = None
    test_source: Annotated[str | None, Opt(help="separate source of test rows")] = None
    valid_source: Annotated[str | None, Opt(help="separate source of validation rows")] = None
    groups: Annotated[
        str | None, Opt(metavar="COLUMN", help="rows with one value stay on one side of every split and fold")
    ] = None
    time: Annotated[str | None, Opt(metavar="COLUMN", help="test on the latest rows; folds grow by time")] = None
    stratify: Annotated[
        str | None,
        Opt(
            metavar="COLUMN", help="equal shares of its values in every split (default: the target's classes), or none"
        ),
    ] = None
    weights: Annotated[str | None, Opt(metavar="COLUMN", help="weight of each row in the loss and in scores")] = None
    drop_missing_target: Annotated[bool, Opt("--drop-missing-target", help="leave out rows without a target")] = False
    image_size: Annotated[
        str | None, Opt(metavar="PIXELS", help="of images: 32, or 32x20 (default: the most frequent size)")
    ] = None
    memory: Annotated[str | None, Opt(help="read the source as a stream, within this memory: 2GB")] = None
    split: Annotated[str | None, Opt(help="of a stream: what rows are split by: row, file, or a column")] = None
    cache: Annotated[str | None, Opt(help="of a stream: most disk space of its encoded rows: 20GB, 0")] = None

    def arguments(self) -> dict[str, Any]:
        """The arguments of `load` or `scan` that the flags give.

        Raises: FalllineError for a kind that is unknown.

        >>> DataFlags(source="rows.csv", names="a, b", kind=["a=number"]).arguments()
        {'source': 'rows.csv', 'names': ['a', 'b'], 'kinds': {'a': 'number'}}
        """
        found = self.given()
        if self.names is not None:
            found["names"] = [each.strip() for each in self.names.split(",")]
        if self.target:
            found["target"] = self.target[0] if len(self.target) == 1 else list(self.target)
        if found.pop("kind", None):
            found["kinds"] = parse_kinds(self.kind or [])
        return found


@dataclasses.dataclass(frozen=True)
class RecipeFlags(Flags):
    """What differs from the recipe: short names for the fields that are changed most often, and `--set` for any field."""

    hidden: Annotated[str | None, Opt(help="units of the hidden layers: 128,64")] = None
    activation: Annotated[str | None, Opt(help="activation of the hidden layers: relu, gelu, ...")] = None
    dropout: Annotated[float | None, Opt(help="probability of dropping a hidden unit")] = None
    loss: Annotated[str | None, Opt(help="softmax_cross_entropy, squared_error, ...")] = None
    class_weight: Annotated[str | None, Opt(help="balanced, or a weight for each class: yes=3,no=1")] = None
    target_transform: Annotated[str | None, Opt(help="log: learn the target's logarithm; auto: if it is skewed")] = None
    calibrate: Annotated[str | None, Opt(help="temperature: make probabilities as sure as the validation rows say")] = (
        None
    )
    optimizer: Annotated[str | None, Opt(help="adam, sgd, lbfgs, ars, ...")] = None
    momentum: Annotated[float | None, Opt(help="momentum coefficient (rules with momentum only)")] = None
    schedule: Annotated[str | None, Opt(help="learning rate schedule: cosine, one_cycle, step, constant, ...")] = None
    learning_rate: Annotated[str | None, Opt(help="highest learning rate")] = None
    initializer: Annotated[str | None, Opt(help="initial weights (default: the activation's)")] = None
    batch_norm: Annotated[bool, Opt("--batch-norm", help="batch normalisation before each activation")] = False
    layer_norm: Annotated[bool, Opt("--layer-norm", help="layer normalisation before each activation")] = False
    pieces: Annotated[int | None, Opt(help="use maxout layers with this many pieces")] = None
    scaler: Annotated[str | None, Opt(help="standardise, min_max, robust, pixels, unscaled, ...")] = None
    pca: Annotated[float | None, Opt(help="number of components (20), or share of the variance (0.99)")] = None
    l1: Annotated[float | None, Opt(help="strength of the L1 penalty")] = None
    max_norm: Annotated[float | None, Opt(help="largest norm of a unit's weights")] = None
    l2: Annotated[float | None, Opt(help="strength of the L2 penalty")] = None
    batch_size: Annotated[str | None, Opt(help="examples per step: 1, 128, all")] = None
    epochs: Annotated[str | None, Opt(help="largest number of passes over the data; auto: by the number of steps")] = (
        None
    )
    patience: Annotated[
        str | None, Opt(help="epochs without improvement before stopping; none: never; auto: a share of the epochs")
    ] = None
    monitor: Annotated[str | None, Opt(help="metric that early stopping monitors: loss, accuracy, rmse, ...")] = None
    set_: Annotated[list[str] | None, Opt("--set", metavar="PATH=VALUE", help="any field: model.dropout=0.1")] = None

    def apply(self, recipe: "Recipe") -> "Recipe":
        """The recipe with the changes that the flags describe.

        Raises: FalllineError that names the flag or the path, if it is unknown or its value is not valid.
        """
        given = {name: PARSED[name](value) if name in PARSED else value for name, value in self.given().items()}
        settings = given.pop("set_", [])
        ordered = {PATHS[name]: given.pop(name) for name in PATHS if name in given}
        return changed(recipe, {**given, **ordered}, settings)

    def paths(self, recipe: "Recipe") -> dict[str, str]:
        """The fields that the given flags set in a recipe that they were applied to, and the flag that sets each.

        >>> from fallline.training.recipe import Recipe
        >>> RecipeFlags(dropout=0.1, learning_rate="0.01", set_=["batch_size=8"]).paths(Recipe())
        {'model.dropout': '--dropout', 'optimizer.learning_rate': '--learning-rate', 'batch_size': '--set batch_size'}
        """
        from fallline.core.block import walk

        found = {}
        for name, flag in zip(self.given(), self.spelled(), strict=True):
            if name == "learning_rate":
                found[f"optimizer.{rate_of(recipe.optimizer)}"] = flag
            elif name in PENALTIES and recipe.penalty is not None:
                found |= {f"penalty.{path}": flag for path, declared, _ in walk(recipe.penalty) if declared.searched}
            elif name != "set_":
                found[PATHS.get(name, name)] = flag
        for setting in self.set_ or []:
            path, value = parse_setting(setting)
            found |= dict.fromkeys(_leaves(path, value), f"--set {path}")
        return found

    def refuse(self, paths: Iterable[str], reason: str, recipe: "Recipe") -> None:
        """Raises: FalllineError if a flag sets one of these fields, which have no effect for this reason."""
        given = self.paths(recipe)
        flag = next((given[path] for path in paths if path in given), None)
        if flag is not None:
            raise FalllineError(f"{flag} has no effect: {reason}; leave it out")


def _leaves(path: str, value: object) -> list[str]:
    """A path that was set, and the paths of the numbers in its value.

    >>> _leaves("penalty", {"name": "l2", "strength": 0.1})
    ['penalty', 'penalty.name', 'penalty.strength']
    """
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for name, each in parts for leaf in _leaves(f"{path}.{name}", each))]


def subject(
    file: Path | None, usual: "Recipe", data: DataFlags, changes: RecipeFlags, purpose: str
) -> tuple["Recipe", dict[str, Any]]:
    """The recipe and the arguments of `load`: those of a recipe file, or the usual recipe, changed by the flags.

    Raises: FalllineError if neither names a source; `purpose` completes "no SOURCE to ...".
    """
    from fallline.training.folder import read_plan

    plan = None if file is None else read_plan(file)
    arguments = {**({} if plan is None else plan.data), **data.arguments()}
    if "source" not in arguments:
        raise FalllineError(f"no SOURCE to {purpose}: expected a file such as data.csv, or sklearn:digits to try")
    return changes.apply(usual if plan is None else plan.recipe), arguments

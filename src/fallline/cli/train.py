"""`fallline train`: fits one recipe and saves a run folder."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.output import beside_members, give, metrics_table, say
from fallline.cli.recipes import changed, parse_count, parse_kinds, parse_widths
from fallline.core.device import use_device
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.data.table import Table
    from fallline.training.folder import Kept, Plan
    from fallline.training.train import Run

Opt = typer.Option


def train(
    source: Annotated[
        str | None, typer.Argument(help="CSV, TSV, Parquet, Feather, .npz, MNIST folder, sklearn:NAME")
    ] = None,
    target: Annotated[str | None, Opt(help="column to predict")] = None,
    names: Annotated[str | None, Opt(help="column names of a file without a header: a,b,c")] = None,
    task: Annotated[str | None, Opt(help="classification or regression; default: by the target")] = None,
    kind: Annotated[
        list[str] | None,
        Opt(
            help="overrule a column: COLUMN=number, category, boolean, date, drop, decimal_comma, day_first, epoch_seconds, ..."
        ),
    ] = None,
    missing: Annotated[str | None, Opt(help="NaN in arrays: impute or error")] = None,
    test: Annotated[float | None, Opt(help="share of rows for testing (default 0.2)")] = None,
    valid: Annotated[float | None, Opt(help="share of rows for validation (default 0.1)")] = None,
    test_source: Annotated[str | None, Opt(help="separate source of test rows")] = None,
    valid_source: Annotated[str | None, Opt(help="separate source of validation rows")] = None,
    hidden: Annotated[str | None, Opt(help="units of the hidden layers: 128,64")] = None,
    activation: Annotated[str | None, Opt(help="activation of the hidden layers: relu, gelu, ...")] = None,
    dropout: Annotated[float | None, Opt(help="probability of dropping a hidden unit")] = None,
    loss: Annotated[str | None, Opt(help="softmax_cross_entropy, squared_error, ...")] = None,
    class_weight: Annotated[str | None, Opt(help="balanced, or a weight for each class: yes=3,no=1")] = None,
    target_transform: Annotated[
        str | None, Opt(help="log: learn the target's logarithm; auto: if it is skewed")
    ] = None,
    calibrate: Annotated[
        str | None, Opt(help="temperature: make probabilities as sure as the validation rows say")
    ] = None,
    optimizer: Annotated[str | None, Opt(help="adam, sgd, lbfgs, ars, ...")] = None,
    momentum: Annotated[float | None, Opt(help="momentum coefficient (rules with momentum only)")] = None,
    schedule: Annotated[str | None, Opt(help="learning rate schedule: cosine, one_cycle, step, constant, ...")] = None,
    learning_rate: Annotated[float | None, Opt(help="highest learning rate")] = None,
    initializer: Annotated[str | None, Opt(help="initial weights (default: the activation's)")] = None,
    batch_norm: Annotated[bool, Opt("--batch-norm", help="batch normalisation before each activation")] = False,
    layer_norm: Annotated[bool, Opt("--layer-norm", help="layer normalisation before each activation")] = False,
    pieces: Annotated[int | None, Opt(help="use maxout layers with this many pieces")] = None,
    scaler: Annotated[str | None, Opt(help="standardise, min_max, robust, pixels, unscaled, ...")] = None,
    pca: Annotated[float | None, Opt(help="number of components (20), or share of the variance (0.99)")] = None,
    l1: Annotated[float | None, Opt(help="strength of the L1 penalty")] = None,
    max_norm: Annotated[float | None, Opt(help="largest norm of a unit's weights")] = None,
    l2: Annotated[float | None, Opt(help="strength of the L2 penalty")] = None,
    batch_size: Annotated[str | None, Opt(help="examples per step: 1, 128, all")] = None,
    epochs: Annotated[
        str | None, Opt(help="largest number of passes over the data; auto: by the number of steps")
    ] = None,
    patience: Annotated[
        str | None, Opt(help="epochs without improvement before stopping; none: never; auto: a share of the epochs")
    ] = None,
    monitor: Annotated[str | None, Opt(help="metric that early stopping monitors: loss, accuracy, rmse, ...")] = None,
    set_: Annotated[list[str] | None, Opt("--set", help="any field: model.dropout=0.1")] = None,
    recipe: Annotated[Path | None, Opt(help="a recipe.toml to repeat; other flags change it")] = None,
    resume: Annotated[
        Path | None,
        Opt(
            help="continue the interrupted run in this folder; with --out, in another folder; with --epochs N a "
            "finished run is extended, in a new folder"
        ),
    ] = None,
    out: Annotated[Path | None, Opt(help="run folder (default: runs/NAME-1)")] = None,
    checkpoint_seconds: Annotated[float, Opt(help="time between two checkpoints")] = 10.0,
    members: Annotated[
        int | None, Opt(help="train this many networks of other seeds together and average them")
    ] = None,
    bag: Annotated[int | None, Opt(help="train one network without each of this many folds and average them")] = None,
    seed: Annotated[int | None, Opt(help="seed of weights, minibatches and dropout (default 0)")] = None,
    device: Annotated[str | None, Opt(help="cpu or gpu (default: a GPU if JAX finds one)")] = None,
    stop_when_lost: Annotated[bool, Opt("--stop-when-lost", help="end a run that clearly cannot end well")] = False,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Fit one recipe to a table and save a run folder.

    Without a flag: two hidden layers, Adam, cosine with warm-up, early stopping.
    """
    use_device(device)
    data = {
        "source": source,
        "target": target,
        "names": None if names is None else [each.strip() for each in names.split(",")],
        "task": task,
        "kinds": parse_kinds(kind or []),
        "missing": missing,
        "test": test,
        "valid": valid,
        "test_source": test_source,
        "valid_source": valid_source,
    }
    flags = {
        "optimizer": optimizer,
        "schedule": schedule,
        "learning_rate": learning_rate,
        "optimizer.momentum": momentum,
        "l1": l1,
        "l2": l2,
        "max_norm": max_norm,
        "scaler": scaler,
        "pca": pca,
        "model.initializer": initializer,
        "model.batch_norm": batch_norm or None,
        "model.layer_norm": layer_norm or None,
        "model.pieces": pieces,
        "model.hidden": parse_widths(hidden),
        "model.activation": activation,
        "model.dropout": dropout,
        "loss": loss,
        "calibrate": calibrate,
        "target_transform": target_transform,
        "class_weight": class_weight,
        "batch_size": parse_count(batch_size),
        "epochs": parse_count(epochs),
        "patience": parse_count(patience),
        "monitor": monitor,
    }
    given = {name: value for name, value in data.items() if value is not None}
    flags = {name: value for name, value in flags.items() if value is not None}
    if resume is not None:
        longer = flags.pop("epochs", None)
        if given or flags or set_ or recipe or any(each is not None for each in (seed, members, bag)):
            raise FalllineError(
                "--resume continues a run with its own settings: leave all other flags but --epochs out"
            )
        if longer is not None:
            return _train(
                _longer(resume, longer), out, checkpoint_seconds, json, resume, extends=True, lost=stop_when_lost
            )[0]
        return _train(_begun(resume), out or resume, checkpoint_seconds, json, resume, lost=stop_when_lost)[0]
    plan = _plan(recipe, given, flags, set_ or [], seed)
    plan = _of_several(plan, members, bag)
    return _train(plan, out, checkpoint_seconds, json, lost=stop_when_lost)[0]


def train_plan(plan: Any, out: Path | None, json: bool) -> tuple[int, Any]:
    """Train a plan into a new run folder; returns the exit code and where the run was saved."""
    return _train(plan, out, 10.0, json, told=False)


def _plan(
    recipe: Path | None, data: dict[str, Any], flags: dict[str, Any], settings: list[str], seed: int | None
) -> Any:
    """The plan of the recipe file, or the default plan, changed by the flags."""
    if recipe is None and "source" not in data:
        raise FalllineError("no SOURCE to train on: expected a file such as data.csv, or sklearn:digits to try")
    from fallline.training.folder import Plan, read_plan
    from fallline.training.recipe import Recipe

    plan = Plan(Recipe(), {}, 0) if recipe is None else read_plan(recipe)
    if plan.extended:
        planned = plan.extended[0][0]
        raise FalllineError(
            f"recipe {str(recipe)!r} is of a run that was extended: train for {planned} epochs with the recipe of "
            "the run that it extends, and then --resume RUN --epochs"
        )
    recipe_, seed_ = changed(plan.recipe, flags, settings), plan.seed if seed is None else seed
    return Plan(recipe_, {**plan.data, **data}, seed_, members=plan.members, bag=plan.bag)


def _of_several(plan: Any, members: int | None, bag: int | None) -> Any:
    """The plan with the number of networks that the flags give.

    Raises: FalllineError for numbers that are none.
    """
    import dataclasses

    from fallline.ensembles.train import size_of_ensemble

    if members is not None or bag is not None:
        plan = dataclasses.replace(plan, members=members, bag=bag)
    size_of_ensemble(plan.members, plan.bag)
    return plan


def _begun(folder: Path) -> Any:
    """The plan of a run that can be continued."""
    from fallline.training import folder as folders

    if not (folder / folders.RECIPE).is_file():
        raise FalllineError(f"{str(folder)!r} is not a run folder: expected one with a {folders.RECIPE}")
    if folders.has_finished(folder):
        raise FalllineError(f"run {str(folder)!r} has finished: there is nothing to resume; --epochs N extends it")
    return folders.read_plan(folder / folders.RECIPE)


def _longer(folder: Path, epochs: object) -> "Plan":
    """The plan of a run that extends a finished one."""
    from fallline.training.extension import plan_of

    if not isinstance(epochs, int):
        raise FalllineError(
            f"--epochs {epochs!r} is not a number of epochs: --resume --epochs 120 extends a run to 120"
        )
    plan = plan_of(folder, epochs)
    if plan.several:
        raise FalllineError("an ensemble cannot be extended: train it again with more --epochs")
    return plan


def _train(
    plan: "Plan",
    folder: Path | None,
    checkpoint_seconds: float,
    json: bool,
    resume: Path | None = None,
    extends: bool = False,
    lost: bool = False,
    told: bool = True,
) -> tuple[int, "Kept"]:
    """Train a plan, from the beginning or continuing from the folder `resume`, and keep the run in a folder.

    A run that `extends` the finished run in that folder is kept in a folder of its own. Returns the exit code and where the
    run was saved. `lost` ends a run that cannot end well; `told` prints its summary.
    """
    from fallline.core.holding import Hold
    from fallline.data.table import load
    from fallline.training import folder as folders

    if "source" not in plan.data:
        raise FalllineError(
            "the recipe's [data] names no source: give one, as in fallline train data.csv --recipe FILE"
        )
    table = load(**plan.data)
    plan = folders.Plan(plan.recipe, table.source, plan.seed, plan.extended, **plan.several)
    for sentence in table.warnings:
        say(f"warning: {sentence}")
    recipe = folders.checked(plan, table)
    goes_on = resume is not None and folder == resume
    folder = resume if goes_on else folders.claim_folder(folder, table.name)
    assert folder is not None
    try:
        with Hold(folder) as hold:
            if not goes_on:
                folders.begin_folder(folder, plan, None if extends else resume)
            if extends and resume is not None:
                _extend(resume, folder, plan, table)
            run = _fit(plan, table, int(recipe.epochs), folder, checkpoint_seconds, json, resume is not None, lost)
            kept = folders.keep(folder, plan, run, table, lambda place: _write_report(place, run), hold.check)
    except FalllineError:
        if not goes_on:
            folders.abandon_folder(folder)
        raise
    except KeyboardInterrupt:
        say(f"Stopped at once. Continue from the last checkpoint with: fallline train --resume {folder}")
        raise
    if json:
        if told:
            give({**kept.summary, "diagnosis": run.diagnosis.to_plain()})
    else:
        _tell(table, run, kept)
    if kept.refused:
        say(kept.sentence)
    if run.interrupted:
        say(f"Continue with: fallline train --resume {kept.folder}")
        return 130, kept
    return (1 if kept.refused or run.outcome.label == "diverged" else 0), kept


def _extend(run: Path, folder: Path, plan: "Plan", table: "Table") -> None:
    from fallline.training.extension import begin

    begin(run, folder, plan, table)


def _fit(
    plan: "Plan",
    table: "Table",
    epochs: int,
    folder: Path,
    checkpoint_seconds: float,
    quiet: bool,
    resume: bool,
    lost: bool,
) -> "Run":
    from fallline.cli.progress import RunProgress
    from fallline.diagnosis.facts import facts_of
    from fallline.diagnosis.lost import StopWhenLost
    from fallline.ensembles.train import train as fit
    from fallline.training.folder import checked

    with RunProgress(epochs, quiet=quiet) as progress:
        run = fit(
            plan.recipe,
            table,
            seed=plan.seed,
            members=plan.several.get("members"),
            bag=plan.several.get("bag"),
            watch=StopWhenLost(facts_of(table.dataset), checked(plan, table), stops=lost, say=say, then=progress),
            folder=folder,
            checkpoint_seconds=checkpoint_seconds,
            resume=resume,
        )
    for sentence in run.notes:
        say(f"warning: {sentence}")
    if plan.extended:
        from fallline.training.extension import sentence_of

        sentence = sentence_of(dataclasses.replace(plan, recipe=run.recipe), len(table.dataset.train))
        say(f"{sentence[0].upper()}{sentence[1:]}.")
        run = dataclasses.replace(run, notes=(*run.notes, sentence))
    return run


def _write_report(folder: Path, run: "Run") -> None:
    from fallline.doctor.folder import keep_diagnosis

    keep_diagnosis(folder, run.diagnosis)


def _tell(table: "Table", run: "Run", kept: "Kept") -> None:
    say(f"{table.name}: {_described(table)}")
    if "components" in run.scaling:
        components, of, explained = (run.scaling[name] for name in ("components", "of", "explained"))
        say(f"PCA keeps {components} of {of} components: {100 * explained:.1f} % of the variance.")
    several = len(getattr(run, "members", ()))
    say(f"{f'{several} networks' if several else 'Network'}: {run.model.size:,} parameters.")
    say(f"{run.sentence[0].upper()}{run.sentence[1:]} ({run.seconds:.1f} s).")
    if run.calibration is not None:
        say(f"{run.calibration.sentence[0].upper()}{run.calibration.sentence[1:]}.")
    say()
    say(metrics_table(beside_members(run.metrics, getattr(run, "member_metrics", None))))
    say()
    _tell_findings(run, kept.folder)
    if run.learnt:
        report = kept.folder / "report.html"
        say(f"Saved in {kept.folder}: {', '.join(kept.files)}.")
        say(f"Next: fallline predict {kept.folder} NEW_ROWS{f', or open {report}' if report.is_file() else ''}.")
    else:
        say(f"Saved in {kept.folder}: {', '.join(kept.files)}. There is no model to predict with.")
        say(f"Next: train again with a lower learning rate, or open {kept.folder / 'report.html'}.")


def _tell_findings(run: "Run", folder: Path) -> None:
    """The most important findings, a line each."""
    found = run.diagnosis.findings
    for each in found[:2]:
        say(f"Found: {each.title}. {each.evidence}")
    if found:
        say(f"Why, and what would help: fallline doctor {folder}{' --try' if any(f.remedies for f in found) else ''}.")
        say()


def _described(table: "Table") -> str:
    data = table.dataset
    what = f"{data.n_classes} classes" if table.task == "classification" else table.task
    rows = f"{len(data.train):,} training, {len(data.valid):,} validation, {len(data.test):,} test rows"
    return f"{what}, {data.x.shape[1]} features; {rows}"

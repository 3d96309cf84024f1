"""`fallline train`: fits one recipe and saves a run folder."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.find_rate import FIND, parse_rate, with_found_rate
from fallline.cli.recipes import parse_count, parse_kinds, parse_widths
from fallline.cli.train_plan import begun_plan, longer_plan, new_plan, of_several
from fallline.cli.train_run import train_and_save
from fallline.core.device import use_device
from fallline.core.errors import FalllineError

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
    learning_rate: Annotated[str | None, Opt(help="highest learning rate; find: by short runs at many rates")] = None,
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
        "learning_rate": None if learning_rate == FIND else parse_rate(learning_rate),
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
        alone = (seed, members, bag, learning_rate)
        if given or flags or set_ or recipe or any(each is not None for each in alone):
            raise FalllineError(
                "--resume continues a run with its own settings: leave all other flags but --epochs out"
            )
        if longer is not None:
            return train_and_save(
                longer_plan(resume, longer), out, checkpoint_seconds, json, resume, extends=True, lost=stop_when_lost
            )[0]
        return train_and_save(begun_plan(resume), out or resume, checkpoint_seconds, json, resume, lost=stop_when_lost)[
            0
        ]
    plan = new_plan(recipe, given, flags, set_ or [], seed)
    plan = of_several(plan, members, bag)
    if learning_rate == FIND:
        plan = with_found_rate(plan)
    return train_and_save(plan, out, checkpoint_seconds, json, lost=stop_when_lost)[0]

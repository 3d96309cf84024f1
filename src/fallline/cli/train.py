"""`fallline train`: fits one recipe and saves a run folder."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.find_rate import FIND, show_rates, with_found_rate
from fallline.cli.flags import Shown
from fallline.cli.logs import LogFlags
from fallline.cli.recipes import parse_count
from fallline.cli.resuming import folder_to_resume
from fallline.cli.shared_flags import DataFlags, RecipeFlags
from fallline.cli.train_plan import begun_plan, longer_plan, new_plan, of_several, on_workers
from fallline.cli.train_run import train_and_save
from fallline.cli.tune_command import HERE
from fallline.core.device import use_device
from fallline.core.errors import FalllineError

Opt = typer.Option


def train(
    *,
    data: DataFlags,
    changes: Annotated[
        RecipeFlags, Shown(helps={"learning_rate": "highest learning rate; find: by short runs at many rates"})
    ],
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
    logs: LogFlags,
    workers: Annotated[int | None, Opt(help="processes on Ray that share the rows of every minibatch")] = None,
    ray: Annotated[str | None, Opt(metavar="[ADDRESS]", help="where workers are: this machine, or HOST:PORT")] = None,
    device: Annotated[str | None, Opt(help="cpu or gpu (default: a GPU if JAX finds one)")] = None,
    stop_when_lost: Annotated[bool, Opt("--stop-when-lost", help="end a run that clearly cannot end well")] = False,
    again: Annotated[bool, Opt("--again", help="train even if the same run is there already")] = False,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Fit one recipe to a table and save a run folder.

    Without a flag: two hidden layers, Adam, cosine with warm-up, early stopping.
    """
    use_device(device)
    callbacks = logs.callbacks()
    address = None if ray == HERE else ray
    if resume is not None:
        alone = (recipe, seed, members, bag)
        if data.given() or changes.given().keys() - {"epochs"} or any(each is not None for each in alone):
            raise FalllineError(
                "--resume continues a run with its own settings: leave all other flags but --epochs out"
            )
        resume = folder_to_resume(resume, "train")
        longer = parse_count(changes.epochs)
        plan = begun_plan(resume) if longer is None else longer_plan(resume, longer)
        plan = on_workers(plan, workers, ray, device)
        folder = out or resume if longer is None else out
        return train_and_save(
            plan,
            folder,
            checkpoint_seconds,
            json,
            resume,
            extends=longer is not None,
            lost=stop_when_lost,
            callbacks=callbacks,
            ray=address,
        )[0]
    find = changes.learning_rate == FIND
    plan = new_plan(recipe, data, dataclasses.replace(changes, learning_rate=None) if find else changes, seed)
    plan = on_workers(of_several(plan, members, bag), workers, ray, device)
    rates = None
    if find:
        plan, rates = with_found_rate(plan)
    code, kept = train_and_save(
        plan,
        out,
        checkpoint_seconds,
        json,
        lost=stop_when_lost,
        find=not again and not callbacks,
        callbacks=callbacks,
        ray=address,
    )
    if rates is not None and not kept.refused:
        show_rates(rates, kept.folder)
    return code

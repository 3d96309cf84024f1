"""The plan that the flags of `fallline train` describe: a new run, or one that continues or extends another."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from fallline.cli.shared_flags import DataFlags, RecipeFlags
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.training.folder import Plan


def new_plan(recipe: Path | None, data: DataFlags, changes: RecipeFlags, seed: int | None) -> "Plan":
    """The plan of the recipe file, or the default plan, changed by the flags."""
    if recipe is None and data.source is None:
        raise FalllineError("no SOURCE to train on: expected a file such as data.csv, or sklearn:digits to try")
    from fallline.training.folder import Plan, read_plan
    from fallline.training.usual import usual_recipe

    plan = Plan(usual_recipe(data.source), {}, 0) if recipe is None else read_plan(recipe)
    if plan.extended:
        planned = plan.extended[0][0]
        raise FalllineError(
            f"recipe {str(recipe)!r} is of a run that was extended: train for {planned} epochs with the recipe of "
            "the run that it extends, and then --resume RUN --epochs"
        )
    seed = plan.seed if seed is None else seed
    return Plan(
        changes.apply(plan.recipe),
        {**plan.data, **data.arguments()},
        seed,
        members=plan.members,
        bag=plan.bag,
        workers=plan.workers,
    )


def of_several(plan: "Plan", members: int | None, bag: int | None) -> "Plan":
    """The plan with the number of networks that the flags give.

    Raises: FalllineError for numbers that are none.
    """
    from fallline.ensembles.train import size_of_ensemble

    if members is not None or bag is not None:
        plan = dataclasses.replace(plan, members=members, bag=bag)
    size_of_ensemble(plan.members, plan.bag)
    return plan


def on_workers(plan: "Plan", workers: int | None, ray: str | None, device: str | None) -> "Plan":
    """The plan with the number of workers that the flags give.

    Raises: FalllineError for a number that is none, and for what workers cannot do.
    """
    plan = plan if workers is None else dataclasses.replace(plan, workers=workers)
    if plan.workers is None and ray is None:
        return plan
    from fallline.training.crew import crew_of

    if crew_of(plan.workers, ray) is not None and plan.several:
        raise FalllineError(
            "--workers share the minibatches of one network: leave --members and --bag out, or --workers"
        )
    if device == "gpu":
        raise FalllineError("--workers compute on processors: leave --device gpu out, or --workers")
    return plan


def begun_plan(folder: Path) -> "Plan":
    """The plan of a run that can be continued."""
    from fallline.training import folder as folders

    if not (folder / folders.RECIPE).is_file():
        raise FalllineError(f"{str(folder)!r} is not a run folder: expected one with a {folders.RECIPE}")
    if folders.has_finished(folder):
        raise FalllineError(f"run {str(folder)!r} has finished: there is nothing to resume; --epochs N extends it")
    return folders.read_plan(folder / folders.RECIPE)


def longer_plan(folder: Path, epochs: object) -> "Plan":
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

"""A finished run, extended: its last state becomes the first checkpoint of a new run with more epochs."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays, replace
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.schedule import at_time
from fallline.data.table import Table
from fallline.probes import RECORDED
from fallline.training import program
from fallline.training.arrays import suited
from fallline.training.checkpoint import LAST, read_state, save_checkpoint
from fallline.training.folder import RECIPE, Plan, has_finished, read_plan
from fallline.training.moment import network_of, time_of
from fallline.training.preparation import bare, prepare
from fallline.training.recipe import Recipe
from fallline.training.resuming import identity_of


def plan_of(run: Path, epochs: int) -> Plan:
    """The plan of a run that extends the finished run in a folder to a number of epochs.

    Raises: FalllineError for anything but a finished run whose last state was kept, and for no more epochs than it has run.
    """
    if not (run / RECIPE).is_file():
        raise FalllineError(f"{str(run)!r} is not a run folder: expected one with a {RECIPE}")
    if not has_finished(run):
        raise FalllineError(f"run {str(run)!r} has not finished: resume it without --epochs first")
    if not (run / LAST).is_file():
        raise FalllineError(
            f"run {str(run)!r} cannot be extended: its last state was not kept ({LAST}); train again with "
            f"--recipe {run / RECIPE} --epochs {epochs}"
        )
    plan, done = read_plan(run / RECIPE), reached(run)
    if epochs <= max(done, int(plan.recipe.epochs)):
        raise FalllineError(
            f"--epochs {epochs} does not extend run {str(run)!r}, whose schedule has {int(plan.recipe.epochs)} epochs: "
            "expected more"
        )
    stages = (*plan.extended, (int(plan.recipe.epochs), done))
    return Plan(
        replace(plan.recipe, {"epochs": epochs}), plan.data, plan.seed, stages, workers=plan.workers, **plan.several
    )


def reached(run: Path) -> int:
    """The number of epochs that the finished run in a folder has run."""
    from fallline.core.tensor_files import load_tensors

    arrays, _ = load_tensors(run / LAST, "checkpoint")
    epoch = arrays.get("state/epoch", np.zeros(1))
    if epoch.shape != () or not 1 <= int(epoch) < 2**31:
        raise FalllineError(f"checkpoint {str(run / LAST)!r} is damaged: it does not say its epoch; use another copy")
    return int(epoch)


def begin(run: Path, folder: Path, plan: Plan, table: Table) -> None:
    """Write the last state of a finished run as the checkpoint of the run that extends it.

    The best params and their score are carried on, so the new run ends no worse on the validation rows. Patience starts
    anew.

    Arguments:
        run: folder of the finished run; nothing in it is changed.
        folder: folder of the new run.
        plan: plan of the new run, from `plan_of`.
        table: the data of both.
    """
    earlier = replace(plan.recipe, {"epochs": plan.extended[-1][0]})
    table, _ = suited(table, [earlier])
    earlier, arrays, key = prepare(earlier, table, plan.seed)
    like = jax.eval_shape(program.start, as_arrays(bare(earlier)), arrays, key)
    activations = network_of(earlier, arrays).activations
    state, seen = read_state(run / LAST, like, identity_of(earlier, table, plan.seed), activations, RECORDED)
    state = dataclasses.replace(state, outcome=jnp.int32(Outcome.RUNNING), waited=jnp.int32(0))
    longer, _, _ = prepare(plan.recipe, table, plan.seed)
    save_checkpoint(folder, state, seen, identity_of(longer, table, plan.seed), RECORDED)


def sentence_of(plan: Plan, training_rows: int) -> str:
    """What an extended run did, and what became of its learning rate; empty for a run that extends none."""
    if not plan.extended:
        return ""
    planned, done = plan.extended[-1]
    total = int(plan.recipe.epochs)
    said = (
        f"this run extends one of {done:,} epochs; from there on, its schedules are those of a run of {total:,} epochs"
    )
    rates = [_rate(plan.recipe, length, done, training_rows) for length in (planned, total)]
    if None in rates:
        return said
    before, after = (float(f"{each:.2g}") for each in rates)
    if before == after:
        return f"{said}, and the learning rate went on as it was"
    return f"{said}, so the learning rate {'rose' if after > before else 'fell'} from {before:g} to {after:g}"


def _rate(recipe: Recipe, epochs: int, done: int, training_rows: int) -> Any:
    """The learning rate of the step after `done` epochs under a schedule of so many epochs; None without a rate."""
    size = recipe.batch_size if isinstance(recipe.batch_size, int) else training_rows
    steps = -(-training_rows // max(1, min(size, training_rows)))
    step = min(done, epochs) * steps - (done >= epochs)  # after its end, the last step of a schedule
    time = time_of(replace(recipe, {"epochs": epochs}), jnp.asarray(step), jnp.asarray(steps))
    rate = getattr(at_time(recipe.optimizer, time), "learning_rate", None)
    return None if rate is None or hasattr(rate, "family") else float(rate)

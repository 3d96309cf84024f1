"""The contract of probes: declared facts, finite values of the right shape, no effect on the run, lanes that agree."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.activations import Activation, ReLU, Tanh
from fallline.core.block import as_arrays, replace
from fallline.data.table import Table
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.population.evaluate import evaluate
from fallline.population.table import Population
from fallline.probes import RECORDED, Probe, recordable
from fallline.schedules import Cosine
from fallline.testing.base import demand, of
from fallline.testing.compare import close, finite
from fallline.training import program
from fallline.training.preparation import prepare
from fallline.training.recipe import Recipe
from fallline.training.run import Run
from fallline.training.train import train
from fallline.training.validation import layer_names

EPOCHS = 3
RECIPE = Recipe(model=MLP(hidden=(5,)), optimizer=Adam(Cosine(0.01)), batch_size=8, epochs=EPOCHS, patience=None)


@functools.cache
def table() -> Table:
    """A small classification whose folds differ in size."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(45, 3)).astype(np.float32)
    return Table.from_arrays(x, (x[:, 0] > x[:, 1]).astype(int), seed=1)


def example(probe: Probe) -> Any:
    """A probe's values in two epochs."""
    recipe, arrays, key = prepare(RECIPE, table(), 0)
    traced = as_arrays(recipe)
    state = program.start(traced, arrays, key)
    return program.advance(traced, arrays, state, jnp.int32(2), (probe,))[1][probe.name][:2]


def _group(probe: Probe) -> tuple[Probe, ...]:
    """The probes of the run in which a probe is checked: Fallline's own share one, any other has one to itself."""
    return RECORDED if probe in RECORDED else (probe,)


@functools.lru_cache(maxsize=16)
def _run(probes: tuple[Probe, ...]) -> Run:
    return train(RECIPE, table(), probes=probes)


@functools.lru_cache(maxsize=8)
def _lanes(probes: tuple[Probe, ...], activation: Activation, short: int) -> tuple[Population, Run]:
    """A population of two widths and two folds, the second of so many rows, and the run of its last lane alone."""
    wide = replace(RECIPE, {"model.activation": activation})
    narrow = replace(wide, {"model.hidden": (3,)})
    train_rows = table().dataset.train
    folds = [(train_rows[:25], train_rows[25:]), (train_rows[-short:], train_rows[:-short])]
    population = evaluate([wide, narrow], table(), folds=folds, probes=probes)
    return population, population.replay(len(population) - 1)


def _columns(probe: Probe, history: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The probe's own columns."""
    own = probe.column("accuracy")
    return {name: values for name, values in history.items() if name.rpartition(".")[2] == own}


@of("probe")
def facts(probe: Probe) -> None:
    """It can be recorded, and says what its axis, its figure's title, its scale and its help are."""
    recordable((probe,))
    demand(probe.axis in ("run", "layer", "activation"), f"its axis is {probe.axis!r}: run, layer or activation")
    demand(probe.scale in ("linear", "log", "share"), f"its scale is {probe.scale!r}: linear, log or share")
    demand(probe.title and probe.help, "it has no title or no help for its figure")


@of("probe")
def shape(probe: Probe) -> None:
    """A run has one column of it, or one for every layer or activation, with a value for every epoch."""
    run = _run(_group(probe))
    layers, activations = layer_names(run.recipe, prepare(RECIPE, table(), 0)[1])
    expected = {"run": [""], "layer": layers, "activation": activations}[probe.axis]
    found = _columns(probe, run.history)
    demand([name.rpartition(".")[0] for name in found] == expected, f"its columns are {', '.join(found)}")
    demand(all(len(values) == EPOCHS for values in found.values()), "a column lacks epochs")


@of("probe")
def ordinary(probe: Probe) -> None:
    """Its values are finite on an ordinary run, and shares are between 0 and 1."""
    values = _columns(probe, _run(_group(probe)).history)
    finite(values, "its values on an ordinary run")
    if probe.scale == "share":
        within = all(((x >= 0) & (x <= 1)).all() for x in values.values())
        demand(within, "a share is less than 0 or more than 1")


@of("probe")
def unnoticed(probe: Probe) -> None:
    """A run that records it has the parameters, the memory and the scores of one that does not.

    They are two programs, so equal to rounding: XLA may fuse other operations beside those of the probe.
    """
    with_it, without = _run(_group(probe)), _run(())

    def words(run: Run) -> Any:
        return jax.tree.map(np.asarray, (run.state.params, run.state.memory, run.state.best_params))

    close(words(with_it), words(without), "the run's state", rtol=1e-4, atol=1e-6)
    kept = {name: with_it.history[name] for name in without.history.columns}
    close(kept, dict(without.history.items()), "the run's scores", rtol=1e-4, atol=1e-6)


@of("probe")
def lanes(probe: Probe) -> None:
    """A lane of a population that is padded, and whose fold is shorter than others, shows what its run alone shows.

    A lane has as many sample rows as the longest fold, so the folds are of equal size for a probe of activations.
    """
    units = probe.axis == "activation"
    activations: tuple[Activation, ...] = (ReLU(), Tanh()) if units else (ReLU(),)
    short = 25 if units else 15  # with 15 rows, the second fold has fewer minibatches
    for activation in activations:
        population, run = _lanes(_group(probe), activation, short)
        alone, found = _columns(probe, run.history), _columns(probe, population.history(len(population) - 1))
        demand(found.keys() == alone.keys(), f"a lane has the columns {', '.join(found)}")
        for name, values in found.items():
            close(values, alone[name], f"{name} of a lane beside its run alone ({activation.name})", 1e-3, 1e-5)

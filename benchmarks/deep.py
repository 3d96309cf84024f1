"""Shared by `activations.py` and `initialisation.py`: a ten-layer network on digits, examined before and after training."""

import argparse
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays
from fallline.data.table import Table, load
from fallline.layers import LayerCall
from fallline.models import MLP, Model
from fallline.optimizers import Adam, Momentum
from fallline.population import evaluate
from fallline.scalers import Standardise
from fallline.training.chunks import compiled_start
from fallline.training.moment import network_of
from fallline.training.preparation import prepare
from fallline.training.recipe import Recipe

WIDTHS = (64,) * 9  # nine hidden layers and the output: ten weight matrices
SHOWN = (1, 3, 5, 7, 9)  # hidden layers whose spread is printed
RULES = {
    "momentum": (Momentum, (0.001, 0.003, 0.01, 0.03, 0.1), 0.01),
    "adam": (Adam, (0.0001, 0.0003, 0.001, 0.003, 0.01), 0.001),
}


@dataclasses.dataclass(frozen=True)
class Start:
    """The hidden layers before the first step, on all training rows.

    Arguments:
        spread: standard deviation of the outputs over rows and units, per layer.
        dead: share of units whose slope is 0 for every row, over all layers.
        saturated: share of outputs within 2.5 % of a bound (activations bounded on both sides only), over all layers.
        gradient: root mean square of the loss gradient in the first layer's weights, divided by that in the last hidden layer's.
    """

    spread: np.ndarray
    dead: float
    saturated: float
    gradient: float


@dataclasses.dataclass(frozen=True)
class Trained:
    """Test accuracies after the last epoch, one per seed: at the common rate, and at the best rate by validation accuracy."""

    common: np.ndarray
    best: np.ndarray
    rate: float


def arguments(doc: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rule", choices=sorted(RULES), default="momentum")
    return parser.parse_args()


def recipe_of(model: Model, rule: str, rate: float, epochs: int) -> Recipe:
    return Recipe(
        encoding=None,
        model=model,
        optimizer=RULES[rule][0](rate),
        penalty=None,
        scaler=Standardise(),
        batch_size=32,
        epochs=epochs,
        patience=None,
        monitor="none",
    )


def look(model: Model, data: Table, seeds: int) -> Start:
    """The statistics of the hidden layers before the first step, as means over seeds."""
    seen = []
    for seed in range(seeds):
        recipe, arrays, key = prepare(recipe_of(model, "momentum", 0.01, 1), data, seed)
        recipe = as_arrays(recipe)
        state = compiled_start(recipe, arrays, key)
        network = network_of(recipe, arrays)
        x = recipe.scaler.apply(state.scaling, arrays.x[arrays.train])
        y = arrays.y[arrays.train]
        taps: list = []
        network.apply(state.params, state.stats, x, LayerCall(False), taps=taps)

        def loss(params, network=network, recipe=recipe, state=state, x=x, y=y):
            outputs, _ = network.apply(params, state.stats, x, LayerCall(True))
            return jnp.mean(recipe.loss(outputs, y))

        gradient = jax.grad(loss)(state.params)
        size = [float(jnp.sqrt(jnp.mean(gradient[f"dense_{i}"]["weight"] ** 2))) for i in (1, len(WIDTHS))]
        spread = np.array([float(jnp.std(y)) for *_, y in taps])
        dead = np.mean([float(jnp.mean(jnp.min(f.flat(a), axis=0))) for _, f, a, _ in taps])
        saturated = np.mean([float(jnp.mean(f.squashed(b))) for _, f, _, b in taps])
        seen.append((spread, dead, saturated, size[0] / max(size[1], 1e-38)))
    spread, dead, saturated, ratio = (np.array(each) for each in zip(*seen, strict=True))
    return Start(spread.mean(axis=0), dead.mean(), saturated.mean(), float(np.exp(np.mean(np.log(ratio + 1e-38)))))


def train(models: list[Model], data: Table, rule: str, epochs: int, seeds: int) -> list[Trained]:
    """Train every model with every rate and seed, as one population."""
    _, rates, common = RULES[rule]
    recipes = [recipe_of(model, rule, rate, epochs) for model in models for rate in rates]
    population = evaluate(recipes, data, seeds=seeds)
    shape = (len(models), len(rates), seeds)
    order = np.lexsort((population.seed, population.recipe))
    test, valid = (population.columns[f"{name}_accuracy"][order].reshape(shape) for name in ("test", "valid"))
    # A diverged lane has no validation accuracy.
    chosen = np.nan_to_num(valid, nan=0.0).mean(axis=2).argmax(axis=1)
    return [Trained(test[i, rates.index(common)], test[i, best], rates[best]) for i, best in enumerate(chosen)]


def digits() -> Table:
    return load("sklearn:digits")


def hidden(**fields) -> MLP:
    return MLP(hidden=WIDTHS, dropout=None, **fields)


HEAD = (
    [f"layer {i}" for i in SHOWN] + ["dead", "saturated", "gradient, first : last"] + ["accuracy", "at its best rate"]
)


def line(name: str, start: Start, trained: Trained) -> str:
    cells = [f"{start.spread[i - 1]:.2g}" for i in SHOWN]
    cells += [f"{start.dead:.0%}", f"{start.saturated:.0%}", f"{start.gradient:.1g}"]
    cells += [_with_error(trained.common), f"{_with_error(trained.best)} ({trained.rate:g})"]
    return "| " + " | ".join([name, *cells]) + " |"


def head(first: str) -> str:
    return f"| {first} | " + " | ".join(HEAD) + " |\n" + "|---" * (len(HEAD) + 1) + "|"


def _with_error(values: np.ndarray) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"

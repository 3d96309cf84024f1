"""The effect of each regulariser on an over-large network with 1,000 Fashion-MNIST examples.

    python benchmarks/regularisation.py FOLDER [--rate constant|cosine] [--choosing 2] [--seeds 10] [--epochs 40]

FOLDER holds MNIST's four files. Every seed draws its own 1,000 training rows, 1,000 tuning rows and initial weights, which
all methods share. Each strength is first trained on separate seeds, and the one with the best mean accuracy on their tuning
rows is chosen. The method is then trained on the reported seeds and evaluated on the 10,000 test rows. Prints a Markdown
table: the strengths tried and the one chosen, the accuracies with their standard errors over seeds, and the paired
difference to the plain network with its own standard error. The rows of each seed form one population.
"""

import argparse
from pathlib import Path

import numpy as np

from fallline.data.mnist import read_mnist
from fallline.data.table import Table
from fallline.losses import SoftmaxCrossEntropy
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.penalties import L1, L2, ElasticNet, MaxNorm
from fallline.population import evaluate
from fallline.scalers import Pixels
from fallline.schedules import Cosine
from fallline.training.recipe import Recipe

ROWS, TUNING = 1000, 1000  # training and tuning rows of each seed
RATES = {"constant": 1e-3, "cosine": Cosine(1e-3)}
HIDDEN = (256, 256)


def recipe_of(rate, epochs, *, penalty=None, smoothing=None, patience=None, monitor="none", **fields):
    return Recipe(
        encoding=None,
        model=MLP(hidden=HIDDEN, **fields),
        loss=SoftmaxCrossEntropy(smoothing),
        optimizer=Adam(RATES[rate]),
        penalty=penalty,
        scaler=Pixels(),
        batch_size=50,
        epochs=epochs,
        patience=patience,
        monitor=monitor,
    )


def methods(rate, epochs):
    """Dict of method -> strength -> recipe; a method without a strength has one entry."""

    def make(**fields):
        return recipe_of(rate, epochs, **fields)

    return {
        "none": {"": make()},
        "dropout": {str(rate): make(dropout=rate) for rate in (0.2, 0.35, 0.5, 0.65)},
        "L2": {str(each): make(penalty=L2(each)) for each in (3e-4, 1e-3, 3e-3, 1e-2)},
        "L1": {str(each): make(penalty=L1(each)) for each in (3e-5, 1e-4, 3e-4, 1e-3)},
        "elastic net": {str(each): make(penalty=ElasticNet(each)) for each in (3e-5, 1e-4, 3e-4, 1e-3)},
        "max-norm": {str(each): make(penalty=MaxNorm(each)) for each in (0.5, 1.0, 1.5, 2.0)},
        "label smoothing": {str(each): make(smoothing=each) for each in (0.05, 0.1, 0.2, 0.4)},
        "early stopping": {f"patience {each}": make(patience=each, monitor="loss") for each in (3, 6, 12)},
        "batch normalisation": {"": make(batch_norm=True)},
    }


def table_of(seed, x, y, tested):
    """1,000 training rows and 1,000 tuning rows drawn by the seed, and the test rows that all seeds share."""
    chosen = np.random.default_rng(seed).permutation(len(x))[: ROWS + TUNING]
    train, tune = chosen[:ROWS], chosen[ROWS:]
    return Table.from_arrays(x[train], y[train], task="classification", valid_data=(x[tune], y[tune]), test_data=tested)


def accuracies(recipes, seed, data, test):
    """The accuracy of each recipe on tuning or test rows."""
    population = evaluate(recipes, data, seeds=[seed], test=test)
    return population.columns["test_accuracy" if test else "valid_accuracy"][np.argsort(population.recipe)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--rate", choices=sorted(RATES), default="constant", help="of Adam: 0.001, or falling from it to 0"
    )
    parser.add_argument("--choosing", type=int, default=2, help="seeds on which strengths are chosen")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=40)
    given = parser.parse_args()
    source = read_mnist(given.folder)
    x, y = np.asarray(source.x, np.float32), source.y
    tested = tuple(np.asarray(each, kind) for each, kind in zip(source.held_out(), (np.float32, y.dtype), strict=True))
    tried = methods(given.rate, given.epochs)
    recipes = [recipe for strengths in tried.values() for recipe in strengths.values()]
    tuned = np.zeros(len(recipes))
    for seed in range(given.seeds, given.seeds + given.choosing):
        tuned += accuracies(recipes, seed, table_of(seed, x, y, tested), test=False) / given.choosing
    best, first = {}, 0
    for name, strengths in tried.items():
        best[name] = list(strengths)[int(tuned[first : first + len(strengths)].argmax())]
        first += len(strengths)
    chosen = [tried[name][strength] for name, strength in best.items()]
    test = np.stack([accuracies(chosen, seed, table_of(seed, x, y, tested), test=True) for seed in range(given.seeds)])
    print("| regulariser | strengths tried | kept | test accuracy | difference to none, paired |\n" + "|---" * 5 + "|")
    for i, (name, strength) in enumerate(best.items()):
        gain = f"{_with_error(test[:, i] - test[:, 0], '+')}" if i else ""
        cells = [name, ", ".join(tried[name]) or "-", strength or "-", _with_error(test[:, i]), gain]
        print("| " + " | ".join(cells) + " |")


def _with_error(values, sign="") -> str:
    return f"{values.mean():{sign}.4f} ± {values.std(ddof=1) / np.sqrt(len(values)):.4f}"


if __name__ == "__main__":
    main()

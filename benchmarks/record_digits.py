"""Writes `digits_trials.npz`: a real training on digits for every combination of a few levels per hyperparameter.

    python benchmarks/record_digits.py      takes about a minute per thousand trainings

Samplers can then be compared on real trainings at the price of a look-up (`samplers.py`). The score of a point is that of its
cell, which was trained with the hyperparameters at the middle of the cell: the best validation loss of 20 epochs on half of
the rows.
"""

import itertools
import time

import numpy as np
from problems import DIGITS, GUESSING, cell_of, cells, digits_space
from sklearn.datasets import load_digits

from fallline.data.table import Table
from fallline.population import evaluate

BATCH = 144  # recipes per call, all of one structure; there are 144 or 432 of each


def main() -> None:
    began, space = time.perf_counter(), digits_space()
    middles = [(np.arange(count) + 0.5) / count for count in cells(space)]
    # An inactive dimension has a single place, so points that differ only there are one recipe.
    points = np.unique(space.snap(np.array(list(itertools.product(*middles)))), axis=0)
    structure = [space.names.index(name) for name in ("model.hidden", "optimizer", "batch_size")]
    points = points[np.lexsort(points[:, structure].T)]
    x, y = load_digits(return_X_y=True)
    data = Table.from_arrays(x, y, test=0.0, valid=0.5, task="classification")
    losses: list[float] = []
    for start in range(0, len(points), BATCH):
        population = evaluate([space.fill(point) for point in points[start : start + BATCH]], data)
        losses += np.where(np.isfinite(population.score), population.score, GUESSING).tolist()
        print(f"{len(losses)} of {len(points)}, {time.perf_counter() - began:.0f} s", flush=True)
    cell = np.array([cell_of(space, point) for point in points], np.uint8)
    np.savez_compressed(DIGITS, cell=cell, loss=np.array(losses, np.float32))
    print(
        f"{len(losses)} trainings in {DIGITS.name}, {DIGITS.stat().st_size / 1e3:.0f} kB; the best loss {min(losses):.4f}"
    )


if __name__ == "__main__":
    main()

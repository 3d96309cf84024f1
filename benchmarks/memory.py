"""Peak memory of a training on 2,000,000 x 50 float32 rows, as a multiple of the array.

python benchmarks/memory.py [--rows 2000000]
"""

import argparse
import resource

import numpy as np


def peak() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    count = parser.parse_args().rows
    from fallline.data.table import Table
    from fallline.training.recipe import Recipe
    from fallline.training.train import train

    warm = np.random.default_rng(1).normal(size=(256, 50)).astype(np.float32)
    train(Recipe(epochs=1, encoding=None), Table.from_arrays(warm, warm[:, 0]))
    before = peak()
    x = np.empty((count, 50), np.float32)
    rng = np.random.default_rng(0)
    for begin in range(0, count, 65536):
        x[begin : begin + 65536] = rng.standard_normal((min(65536, count - begin), 50), np.float32)
    y = x[:, 0] + np.sin(x[:, 1])
    array = x.nbytes / 2**20
    run = train(Recipe(epochs=1, batch_size=4096, encoding=None), Table.from_arrays(x, y))
    print(f"array {array:.0f} MB; imports and a small run {before:.0f} MB; peak of the process {peak():.0f} MB")
    print(f"peak / array {peak() / array:.2f}; growth over the small run / array {(peak() - before) / array:.2f}")
    print(f"{run.seconds:.1f} s, test RMSE {run.metrics['test']['rmse']:.3f}")


if __name__ == "__main__":
    main()

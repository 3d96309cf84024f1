"""How long does a trainability map of 256 x 256 real trainings of a 20-16-2 network take?

python benchmarks/trainability.py            # 65,536 trainings of 100 steps on 352 rows, one for each parameter
python benchmarks/trainability.py --size 64
"""

import argparse
import time

import numpy as np

import fallline as fl


def main() -> None:
    """Print the time of the map, and of one training alone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256)
    size = parser.parse_args().size
    rng = np.random.default_rng(0)
    x = rng.normal(size=(352, 20))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    data = fl.Table.from_arrays(x, y.astype(str), test=0, valid=0)
    spent = time.process_time()
    found = fl.lab.trainability(None, data, size=size)
    busy = time.process_time() - spent
    print(found.sentence)
    print(f"{size} x {size}: {found.seconds:.1f} s, {busy:.1f} s of processor, {1000 * busy / size**2:.2f} ms for each")


if __name__ == "__main__":
    main()

"""How many lanes a program should hold: one of a few sizes, as large as the cache allows.

Measured by `benchmarks/population.py` on two cores (docs/measured.md): the cost per lane falls until the lanes' parameters,
gradients and memory no longer fit the cache, then rises again.
"""

import jax

from fallline.training.arrays import Arrays
from fallline.training.moment import batch_rows, input_width, network_of
from fallline.training.recipe import Recipe

SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)  # lanes per device; few sizes are few programs
GPU_SIZES = (*SIZES, 128, 256, 512, 1024)
CACHE = 12 * 2**20  # bytes of working set per CPU device
MANY_ROWS = 100_000  # training rows above which a separate order for every lane is too expensive
SHARE_OF_GPU = 0.5  # of the GPU's memory


def lane_bytes(recipe: Recipe, arrays: Arrays) -> int:
    """Working set of one lane in a step: parameters, gradient, update and memory, and a minibatch's activations."""
    walked = network_of(recipe, arrays).walk(input_width(recipe, arrays))
    params = sum(layer.size(inputs) for _, layer, inputs, _ in walked)
    units = sum(outputs for _, layer, _, outputs in walked if layer.has_units)
    return 4 * (6 * params + 3 * batch_rows(recipe, arrays) * units)


def mixes(recipe: Recipe, arrays: Arrays) -> bool:
    """Whether one program for lanes of several folds and seeds, each with its own rows, is faster than one per fold.

    Gathering and scaling a minibatch once for all lanes saves little if the first layer is wide and the rows are narrow;
    fewer and larger programs then save more. (With 64 rows and 8 recipes x 5 folds, us per lane and step: 64-64-10 14
    against 17, 64-256-10 46 against 55, but 784-128-10 242 against 229.)
    """
    inputs = input_width(recipe, arrays)
    walked = network_of(recipe, arrays).walk(inputs)
    return bool(walked) and inputs < 2 * walked[0][-1] and arrays.train.shape[0] <= MANY_ROWS


def lanes_per_device(recipe: Recipe, arrays: Arrays, lanes: int, limit: int | None = None) -> int:
    """Number of lanes per device in a program, for `lanes` lanes in total."""
    sizes, room = _room()
    each = lane_bytes(recipe, arrays)
    held = [size for size in sizes if size * each <= room] or [1]
    wanted = -(-lanes // len(jax.devices()))
    most = max(size for size in held if limit is None or size <= max(1, limit))
    equal = -(-wanted // -(-wanted // most))  # programs of equal size, instead of full ones and a smaller last one
    return min((size for size in sizes if size >= equal), default=most)


def fitting(recipe: Recipe, arrays: Arrays) -> int:
    """The most lanes on a device whose working set fits its cache or memory, not only those of a list of sizes."""
    return max(1, _room()[1] // lane_bytes(recipe, arrays))


def _room() -> tuple[tuple[int, ...], int]:
    """Sizes of programs, and bytes for the working set of one, on a device of this process."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return SIZES, CACHE
    memory = (device.memory_stats() or {}).get("bytes_limit", 2**33)
    return GPU_SIZES, int(SHARE_OF_GPU * memory)


def smallest(wanted: int, otherwise: int) -> int:
    """The smallest size of a program, in lanes per device, that holds the wanted number of lanes."""
    return min(otherwise, next(size for size in (*GPU_SIZES, otherwise) if size >= wanted))

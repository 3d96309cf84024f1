"""Changes of bytes and of contents, from which the damaged files of `mutations.py` are made."""

import contextlib
import copy
import dataclasses
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

DEEP, DIGITS = "@@DEEP@@", "@@DIGITS@@"  # placeholders for contents that no JSON or TOML writer produces
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**6, 10**12, 10**30, -(10**30), 0.5, -2.5, 1e308, 1e-308, float("nan"), float("inf"),
    -float("inf"),
    "", "x", "none", "\x00", "os:system", "日本語\u202e", "a" * 5000, [], [[]], [0], ["x"], [1e308], {}, {"name": "x"},
    {"name": "relu"}, {"name": "uniform", "low": 0, "high": 1}, {"": {}}, DEEP, DIGITS,
)  # fmt: skip
Rng = random.Random


@dataclasses.dataclass
class Kind:
    """One kind of file.

    Arguments:
        path: the file.
        read: reads and uses the file; the result is compared.
        sealed: writes the file anew from mutated content, with valid digests.
        digest: whether every change of its bytes must be noticed.
        same: whether a result counts as equal to the original.
    """

    path: Path
    read: Callable[[], Any]
    sealed: Callable[[Rng], bytes]
    digest: bool
    same: Callable[[Any, Any], bool] = lambda found, original: found == original


def damaged(rng: Rng, content: bytes) -> bytes:
    """Bytes as a disk, a network or a killed program leaves them."""
    found, how = bytearray(content), rng.randrange(6)
    if how == 0:
        return bytes(found[: rng.randrange(len(found))])
    if how == 1:
        place, size = rng.randrange(len(found)), rng.choice((1, 16, 512))
        found[place : place + size] = bytes(min(size, len(found) - place))
    elif how == 2:
        place = rng.randrange(len(found))
        found[place:place] = rng.randbytes(rng.choice((1, 4, 100)))
    else:
        for _ in range(rng.choice((1, 1, 3))):
            # The beginning and the end of a file determine how the rest is read.
            place = rng.choice(
                (
                    rng.randrange(len(found)),
                    rng.randrange(min(len(found), 200)),
                    -1 - rng.randrange(min(len(found), 200)),
                )
            )
            found[place] ^= 1 << rng.randrange(8)
    return bytes(found)


def altered(rng: Rng, tree: Any) -> Any:
    """A copy of plain data with one to three changes somewhere inside."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        owner, key = rng.choice(places)
        how = rng.randrange(10)
        if how < 6:
            owner[key] = copy.deepcopy(rng.choice(VALUES))
        elif how == 6:
            del owner[key]
        elif how == 7 and isinstance(owner, dict):
            owner[rng.choice(("x", "", "name", f"{key}_", "kind"))] = copy.deepcopy(rng.choice(VALUES))
        elif how == 7:
            owner.insert(key, copy.deepcopy(owner[key]))
        elif how == 8:
            other, name = rng.choice(places)
            with contextlib.suppress(KeyError, IndexError):
                owner[key] = copy.deepcopy(other[name])
        elif isinstance(owner[key], int | float):
            owner[key] = owner[key] * rng.choice((-1, 2, 1000, 1e9, 0.5))
        else:
            owner[key] = [owner[key]]
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        yield tree, key
        yield from _places(value)


def altered_arrays(rng: Rng, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays with one change: a value, a shape, a dtype, a name, one too few or too many."""
    arrays = {name: array.copy() for name, array in arrays.items()}
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    how = rng.randrange(9)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[rng.choice(("params", "x/y", f"{name}/inner", f"{name}2"))] = array
    elif how == 2 and array.dtype.kind in "fiub":
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(rng.choice((np.float64, np.float16, np.int32, np.uint8, np.bool_)))
    elif how == 3:
        arrays[name] = rng.choice(
            (array[None], array.reshape(-1), array[..., :0] if array.ndim else array[None], np.zeros((0, 0)))
        )
    elif how == 4:
        arrays[name] = np.concatenate([array, array]) if array.ndim else np.stack([array, array])
    elif how == 5:
        arrays[name] = array.T if array.ndim == 2 else np.zeros((3, 3), array.dtype)
    elif how == 6:
        del arrays[name]
        arrays[name + rng.choice(("_", "/x", "\n"))] = array
    elif array.size and array.dtype.kind in "fiu":
        flat = arrays[name].reshape(-1)
        place = rng.randrange(array.size)
        values = (
            (np.nan, np.inf, -np.inf, 1e38, -1e38, 0.0)
            if array.dtype.kind == "f"
            else (0, 1, 99, min(2**30, int(np.iinfo(array.dtype).max)))
        )
        flat[place] = rng.choice(values)
        arrays[name] = flat.reshape(array.shape)
    return arrays


def as_json(tree: Any) -> str:
    """JSON with the nesting depth and the digits that no writer would produce."""
    text = json.dumps(tree, sort_keys=True)
    return text.replace(f'"{DEEP}"', "[" * 5000 + "]" * 5000).replace(f'"{DIGITS}"', "9" * 5000)


def as_toml(tree: Any) -> str:
    """TOML in the same way; values that TOML cannot express become text."""
    import tomli_w

    text = tomli_w.dumps(_without_none(tree))
    return text.replace(f'"{DEEP}"', "[" * 5000 + "]" * 5000).replace(f'"{DIGITS}"', "9" * 5000)


def _without_none(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(key): _without_none(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_without_none(value) for value in tree]
    return "none" if tree is None else tree


def as_tensors(arrays: dict[str, np.ndarray], text: str) -> bytes:
    """A Fallline safetensors file with a valid digest."""
    from safetensors.numpy import save

    from fallline.core.tensor_files import digest_of

    arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    return bytes(save(arrays, metadata={"fallline": digest_of(arrays, text) + text}))


def as_npz(arrays: dict[str, np.ndarray]) -> bytes:
    """A NumPy archive."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name.replace("/", "_"): array for name, array in arrays.items()})
    return buffer.getvalue()


def tensors_sealed(
    path: Path, what: str, bind: Callable[[dict[str, np.ndarray], Any], None] | None = None
) -> Callable[[Rng], bytes]:
    """Change a description or arrays, and seal the file again; in half of the tries `bind` redoes digests within it first."""
    from fallline.core.tensor_files import load_tensors

    arrays, described = load_tensors(path, what)

    def sealed(rng: Rng) -> bytes:
        found, said = arrays, copy.deepcopy(described)
        if rng.random() < 0.6:
            said = altered(rng, said)
        else:
            found = altered_arrays(rng, arrays)
        if bind is not None and rng.random() < 0.5:
            bind(found, said)
        return as_tensors(found, as_json(said))

    return sealed


def finite(array: Any, shape: tuple[int, ...] | None = None) -> None:
    """Check that a loaded model answers with finite numbers of the right shape."""
    array = np.asarray(array)
    assert array.dtype.kind not in "f" or np.isfinite(array).all(), "an answer is not finite"
    assert shape is None or array.shape == shape, f"an answer has the shape {array.shape}"

"""Arrays by path as safetensors files: the description is JSON, a digest detects damage. No pickle."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically
from fallline.core.reading import check_regular, parse_json
from fallline.core.shape import Mapping, Plain


def nest(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Nested dicts from paths: the inverse of `tensors.flatten` for nested dicts.

    Raises: FalllineError if the path of one array leads through another array.
    """
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *folders, last = name.split("/")
        here = tree
        for each in folders:
            here = here.setdefault(each, {})
            if not isinstance(here, dict):
                raise FalllineError(f"array {name!r} stands inside of another array")
        if last in here:
            raise FalllineError(f"array {name!r} stands inside of another array")
        here[last] = array
    return tree


def check_finite(arrays: dict[str, np.ndarray], what: str, remedy: str) -> None:
    """Raises: FalllineError naming the first array that holds NaN or infinity."""
    for name, array in arrays.items():
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            bad = int(array.size - np.isfinite(array).sum())
            raise FalllineError(f"{what} is damaged: {bad} numbers of its array {name!r} are not finite; {remedy}")


def save_tensors(path: Path, arrays: dict[str, np.ndarray], description: dict[str, Any]) -> None:
    """Write arrays and a JSON description, with a digest of both."""
    from safetensors.numpy import save

    # `ascontiguousarray` turns a 0-d array into one of shape (1,), so the shape is restored.
    arrays = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    text = json.dumps(description, sort_keys=True)
    # A single entry: safetensors writes several in no fixed order, and equal runs should give equal files.
    write_atomically(path, save(arrays, metadata={"fallline": digest_of(arrays, text) + text}))


def load_tensors(path: Path, what: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read arrays and their description.

    Raises: FalllineError, naming the file as `what`, if it is missing, damaged or was not written by Fallline.
    """
    from safetensors import SafetensorError, safe_open

    title, remedy = f"{what} {str(path)!r}", "use another copy"
    check_regular(path, title, "a file that fallline has written")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not iterable itself
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FalllineError(f"{title} is damaged or not a safetensors file ({error}): {remedy}") from None
    entry = metadata.get("fallline")
    if entry is None:
        raise FalllineError(f"{title} was not written by fallline: it has no description")
    digest, text = entry[:_DIGEST], entry[_DIGEST:]
    if digest != digest_of(arrays, text):
        raise FalllineError(f"{title} is damaged: its digest does not match its content; {remedy}")
    return arrays, parse_json(text, Mapping(Plain()), title, remedy)


_DIGEST = 64  # characters of a SHA-256 digest in hexadecimal


def digest_of(arrays: dict[str, np.ndarray], text: str) -> str:
    """Digest of arrays and a text."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()

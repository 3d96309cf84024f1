#!/usr/bin/env bash
# safetensors 0.8.0: `safetensors.numpy.save_file` writes the wrong numbers for an array that is not C-contiguous.
# The shape in the header is the view's, the bytes are those of the memory behind it, in the order in which they lie there. A
# transposed weight matrix comes back with the right shape and shuffled numbers; a slice with a step comes back with its
# neighbours; a broadcast array comes back with whatever follows it. No error, no warning. Byte order, in contrast, is converted.
# So `save_file({"w": w.T}, path)` needs `np.ascontiguousarray(w.T)`.
# Observed: transposed, Fortran-ordered, strided and reversed arrays differ after reading; contiguous ones are equal.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "safetensors==0.8.0" "numpy>=2,<3"
FOLDER=$folder "$folder/venv/bin/python" -W error - <<'PYTHON'
import os

import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

path = os.path.join(os.environ["FOLDER"], "arrays.safetensors")
w = np.arange(6, dtype=np.float32).reshape(2, 3)
long = np.arange(12, dtype=np.float64)


def equal(array):
    save_file({"array": array}, path)
    read = load_file(path)["array"]
    assert read.shape == array.shape
    return bool(np.array_equal(read, array))


views = {"transposed": w.T, "Fortran order": np.asfortranarray(w), "every second": long[::2], "reversed": w[::-1]}
found = {name: equal(view) for name, view in views.items()}
copies = {name: equal(np.ascontiguousarray(view)) for name, view in views.items()}
swapped = equal(w.astype(">f4"))
print("safetensors", safetensors.__version__, found, "copies:", copies, "big-endian:", swapped)
assert not any(found.values()), "some views are written as they are now"
assert all(copies.values())
assert swapped
PYTHON

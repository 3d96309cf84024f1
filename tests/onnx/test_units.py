"""Units in the graph: columns are conditioned in float64, and a target comes back in float64."""

from pathlib import Path

import numpy as np
import pytest

import fallline as fl

onnxruntime = pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = X[:, 0] - X[:, 1]


@pytest.mark.parametrize(("scale", "offset"), [(1e-20, 0.0), (1e20, 0.0), (1.0, 1.7e9), (1.0, 0.0)])
def test_targets_come_back(scale: float, offset: float, tmp_path: Path) -> None:
    x, y = X.copy(), np.column_stack([scale * Y + offset, Y])
    x[:, 0] = 1e-20 * x[:, 0]
    x[:, 1] += 1e8
    x[5, 2] = 1e30
    table = fl.Table.from_arrays(x, y, task="regression")
    model = fl.train(fl.Recipe(epochs=3), table).model
    done = model.to_onnx(tmp_path / "m.onnx")
    assert done.difference is not None
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {"X": x})
    expected = model.predict(table.dataset.x)
    assert found.dtype == expected.dtype
    spread = np.ptp(expected, axis=0)
    assert (np.abs(found - expected).max(axis=0) <= 1e-4 * spread).all()

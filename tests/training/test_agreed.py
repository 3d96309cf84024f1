"""Shapes that have agreed once are not traced again; whatever has not agreed is traced before it is refused."""

import dataclasses

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.training import agreed, whole
from fallline.training.model_file import load_predictor


class Doubled(fl.activations.Activation):
    """An activation of the user's own."""

    def __call__(self, x):
        return x + x


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "agreed"


@pytest.fixture(scope="module")
def model(flowers, whole):
    return fl.train(fl.replace(whole, {"epochs": 2}), flowers).model


@pytest.fixture
def traced(monkeypatch):
    """The number of networks that were traced, one entry each."""
    real, seen = whole._expected, []
    monkeypatch.setattr(whole, "_expected", lambda *given: seen.append(given) or real(*given))
    return seen


def test_a_model_is_traced_once(model, tmp_path, traced, folder):
    model.save(tmp_path / "m.safetensors")
    first, second = (load_predictor(tmp_path / "m.safetensors") for _ in range(2))
    assert len(traced) == len(list(folder.iterdir())) == 1
    x = np.array([[10.0, -3.0, 0.0, 0.5]], np.float32)
    assert first.probabilities(x).tobytes() == second.probabilities(x).tobytes()


def test_another_shape_is_traced_and_refused_and_not_remembered(model, tmp_path, traced, folder):
    model.save(tmp_path / "m.safetensors")
    load_predictor(tmp_path / "m.safetensors")
    (name, *_) = (each for each in model.arrays["params"] if each.startswith("dense"))
    layer = model.arrays["params"][name]
    turned = {**layer, "weight": np.ascontiguousarray(np.asarray(layer["weight"]).T)}
    params = {**model.arrays["params"], name: turned}
    dataclasses.replace(model, arrays={**model.arrays, "params": params}).save(tmp_path / "n.safetensors")
    for _ in range(2):
        with pytest.raises(FalllineError, match=r"is damaged: its array '.*weight' is float32"):
            load_predictor(tmp_path / "n.safetensors")
    assert len(traced) == 3
    assert len(list(folder.iterdir())) == 1


def test_blocks_of_the_users_own_are_always_traced(model):
    own = fl.replace(model.recipe, {"model": fl.MLP((4,), Doubled())})
    assert agreed.entry_of(own, 4, 3, "classification", {}) is None
    assert agreed.entry_of(model.recipe, 4, 3, "classification", {}) is not None


def test_entries_are_bounded_and_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(agreed, "KEPT", 3)
    for each in range(5):
        agreed.remember(tmp_path / "kept" / str(each))
    assert len(list((tmp_path / "kept").iterdir())) == 3
    assert (tmp_path / "kept" / "4").exists()
    (tmp_path / "file").write_text("")
    agreed.remember(tmp_path / "file" / "entry")

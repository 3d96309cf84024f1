"""A trained model moved by a metric: up on the rows that are used, nothing else moved."""

import jax
import numpy as np
import pytest

import fallline as fl
from fallline.methods import ARS


@pytest.fixture(scope="module")
def rare():
    """A rare class in noise: cross-entropy alone hardly ever calls it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 4)).astype(np.float32)
    y = x[:, 0] + 0.7 * x[:, 1] + rng.normal(0, 1.0, 1500) > 2.4
    data = fl.Table.from_arrays(x, np.where(y, "yes", "no"), valid=0.3)
    run = fl.train(fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,)), optimizer=fl.Adam(0.03), epochs=8), data)
    return data, run.model


def test_the_metric_goes_up_on_the_rows_used_and_the_last_layer_alone_is_moved(rare):
    data, model = rare
    found = fl.polish(model, data, "f1", evaluations=1500)
    assert found.after["valid"]["f1"] > found.before["valid"]["f1"] + 0.03
    assert found.after["valid"]["f1"] == pytest.approx(found.optimum.value, abs=1e-6)
    assert found.after["test"]["f1"] > found.before["test"]["f1"]  # 300 rows that were not used
    first, last = model.arrays["params"], found.model.arrays["params"]
    same = {name: all(map(np.array_equal, jax.tree.leaves(first[name]), jax.tree.leaves(last[name]))) for name in first}
    assert same == {"dense_1": True, "dense_2": False}
    assert found.model.predict(data.dataset.x[:5]).shape == (5,)


def test_other_rows_layers_and_methods(rare):
    data, model = rare
    method = ARS(step=0.1, noise=0.1, directions=4)
    found = fl.polish(model, data, "auc", rows="train", layers=("dense_1", "dense_2"), method=method, evaluations=60)
    assert found.after["train"]["auc"] >= found.before["train"]["auc"]
    for changes, sentence in (
        ({"metric": "f2"}, "metric 'f2' is not one of classification"),
        ({"rows": "test"}, "test rows are there to judge"),
        ({"layers": ("dense_3",)}, "no layer 'dense_3' with params: did you mean 'dense_"),
    ):
        with pytest.raises(fl.FalllineError, match=sentence):
            fl.polish(**{"model": model, "data": data, "metric": "f1", **changes})


def test_a_table_without_validation_rows_says_so(rare):
    data, model = rare
    none = fl.Table.from_arrays(data.dataset.x[:100], np.where(data.dataset.y[:100] > 0, "yes", "no"), valid=0)
    with pytest.raises(fl.FalllineError, match="the table has no valid rows to measure f1 on"):
        fl.polish(model, none, "f1")

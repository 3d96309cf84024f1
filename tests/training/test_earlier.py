"""Files that version 0.1.0 wrote before columns had forms, batch normalisation its largest minibatch, and runs probes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import fallline as fl
from fallline.probes import Dead
from fallline.searching.description import begun
from fallline.searching.store import Store
from fallline.strategies import TPE, TrialHistory
from fallline.training.model_file import load_predictor

EARLIER = Path(__file__).parent / "earlier"


def test_a_model_answers_as_it_did():
    model = load_predictor(EARLIER / "model.safetensors")
    expected = json.loads((EARLIER / "answers.json").read_text())
    np.testing.assert_allclose(model.predict(EARLIER / "rows.csv"), expected, rtol=1e-5)


def test_a_model_goes_on_as_a_file_of_today(tmp_path):
    model = load_predictor(EARLIER / "model.safetensors")
    model.save(tmp_path / "model.safetensors")
    again = load_predictor(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(EARLIER / "rows.csv"), model.predict(EARLIER / "rows.csv"))


def test_a_study_keeps_its_trials(tmp_path):
    shutil.copy(EARLIER / "study.db", tmp_path / "study.db")
    store = Store(str(tmp_path / "study.db"))
    try:
        _, kept = store.begin(0, {})
        rows = store.rows()
    finally:
        store.close()
    assert kept["trials"] == 4
    assert len(rows) == 4
    assert all(np.isfinite(row.score) for row in rows)


@pytest.fixture
def half_trained(tmp_path):
    """A run of which 0.1.0 had trained some epochs: its recipe, its data, and a folder with its checkpoint."""
    shutil.copy(EARLIER / "checkpoint.safetensors", tmp_path / "checkpoint.safetensors")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    table = fl.Table.from_arrays(x, np.array(["no", "yes"])[(x[:, 0] > 0).astype(int)])
    recipe = fl.Recipe(
        encoding=None, model=fl.MLP(hidden=(4,)), optimizer=fl.Adam(0.01), batch_size=16, epochs=6, patience=None
    )
    recipe = fl.replace(recipe, {"encoding": None})  # versions before encodings had none
    return recipe, table, tmp_path


def test_a_checkpoint_is_gone_on_from(half_trained):
    recipe, table, folder = half_trained
    epochs = []
    run = fl.train(recipe, table, seed=1, folder=folder, resume=True, watch=lambda moment: epochs.append(moment.epoch))
    straight = fl.train(recipe, table, seed=1)
    assert run.notes == ()
    assert epochs[0] > 1
    assert list(run.history) == list(straight.history)
    for name, values in straight.history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-5, atol=1e-7)


def test_a_checkpoint_goes_on_with_its_own_probes_only(half_trained):
    recipe, table, folder = half_trained
    with pytest.raises(fl.FalllineError, match=r"records other probes \(train_objective, train_metric, learning_rate"):
        fl.train(recipe, table, seed=1, folder=folder, resume=True, probes=(Dead(),))


def test_a_study_is_continued_with_its_strategy(tmp_path):
    shutil.copy(EARLIER / "study.db", tmp_path / "study.db")
    options = begun(tmp_path / "study.db")
    assert (options["strategy"], options["halving"], options["trials"]) == (TPE(), None, 4)
    known = TrialHistory.of(np.zeros((0, 3)), np.zeros(0))
    again = options["strategy"].propose(options["space"], known, range(4), options["seed"])
    store = Store(tmp_path / "study.db")
    try:
        store.begin(0, {})
        np.testing.assert_array_equal(again, [json.loads(row.point) for row in store.rows()])
    finally:
        store.close()

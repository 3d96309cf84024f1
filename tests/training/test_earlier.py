"""Files that version 0.1.0 wrote before columns had forms, and batch normalisation its largest minibatch."""

import json
import shutil
from pathlib import Path

import numpy as np

from fallline.searching.description import begun
from fallline.searching.store import Store
from fallline.strategies import TPE, TrialHistory
from fallline.training.predictor import load_predictor

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

"""The section that says why: findings by importance with their pictures, a clean bill, and nothing that could run."""

import numpy as np
import pytest

import fallline as fl
from fallline.diagnosis.base import Finding, Remedy
from fallline.diagnosis.diagnosis import Diagnosis
from fallline.report.why_section import read_diagnosis, why_figures, why_text
from fallline.training.history import History

HOSTILE = "<img src=x onerror=alert(1)>"
HISTORY = History(
    {"epoch": np.arange(1, 6), "train_loss": np.array([2.0, 1.0, np.inf, 0.5, 0.01]), "valid_loss": np.ones(5)}
)
FOUND = Finding(
    "leak", HOSTILE, "Column 'x' tells.", "It is a copy.", 0.9, 0.8, 2, {"skill": 1.0, "next": float("nan")},
    (Remedy("dropout 0.3", {"model.dropout": 0.3, "model.activation": fl.GELU()}),), "Drop it.", ("train_loss", "nowhere"),
)  # fmt: skip


def diagnosis(*findings):
    return Diagnosis(findings, (), ("leakage", "overfitting"), (), {"model": 0.5, "linear": 0.25}).to_plain()


def test_findings_are_cards_with_pictures_and_escaped():
    found = diagnosis(FOUND)
    figures = why_figures(found, HISTORY)
    assert [(each.name, each.y) for each in figures[0].series] == [("train loss", (2.0, 1.0, None, 0.5, 0.01))]
    assert figures[0].mark == (2.0, "epoch 2")
    assert figures[0].log_y
    page = why_text(found, 7, figures)
    assert HOSTILE not in page
    assert 'id="figure-7"' in page
    assert "To try: dropout 0.3." in page
    assert "model 0.500, linear 0.250" in page


def test_a_clean_bill_names_what_was_checked():
    seen = diagnosis() | {"subjects": {"inputs": ["leakage"], "fit": ["overfitting", HOSTILE]}, "unseen": ["drift"]}
    page = why_text(seen, 0, [])
    assert "<dt>Inputs</dt><dd>leakage</dd>" in page
    assert "overfitting; " in page
    assert "<dd>drift</dd>" in page
    assert HOSTILE not in page


def test_a_diagnosis_of_an_earlier_version_lists_no_subjects():
    assert "<dl" not in why_text(diagnosis(), 0, [])


def test_no_diagnosis_no_section(tmp_path):
    assert read_diagnosis(tmp_path) is None
    assert why_text(None, 0, []) == ""
    assert why_figures(None, HISTORY) == []


@pytest.mark.parametrize("text", ["{}", "[]", '{"healthy": true}', "no json"])
def test_a_damaged_file_is_refused(tmp_path, text):
    (tmp_path / "diagnosis.json").write_text(text)
    with pytest.raises(fl.FalllineError, match="diagnosis"):
        read_diagnosis(tmp_path)


def test_what_is_written_can_be_read(tmp_path):
    from fallline.doctor.folder import save_diagnosis

    save_diagnosis(tmp_path, Diagnosis((FOUND,), (), ("leakage",), ("drift",), {"model": 0.5}))
    found = read_diagnosis(tmp_path)
    assert found is not None
    assert found["findings"][0]["numbers"] == {"skill": 1.0, "next": None}
    assert found["findings"][0]["remedies"][0]["changes"]["model.activation"]["name"] == "gelu"

"""Every kind of finding is named where its cause was planted, in a real training; healthy runs get a clean bill."""

import importlib.util
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer, load_digits

import fallline as fl
from fallline.diagnosis import KINDS, judge
from fallline.doctor.case import case_of
from fallline.doctor.diagnose import evidence_of

HERE = Path(__file__).parents[2] / "benchmarks" / "doctor_plants.py"
SPEC = importlib.util.spec_from_file_location("doctor_plants", HERE)
plants = importlib.util.module_from_spec(SPEC)
sys.modules["doctor_plants"] = plants
SPEC.loader.exec_module(plants)

CANCER = load_breast_cancer()
BASE = plants.Base("cancer", CANCER.data, CANCER.target, "classification")
DIGITS = load_digits()


def base_for(name):
    if name in ("as_numbers", "never_predicted"):
        return plants.Base("digits", DIGITS.data[:600], DIGITS.target[:600], "classification")
    return BASE


@pytest.mark.parametrize("name", list(plants.PLANTS))
def test_a_planted_cause_is_named_first(name):
    planted = plants.PLANTS[name]
    recipe, table = planted.make(base_for(name))
    evidence = evidence_of(case_of(fl.train(recipe, table)))
    found = judge(evidence)
    named = [each.name for each in found.findings]
    assert set(named[:1]) & set(planted.names), (found.names, [each.evidence for each in found.findings])
    # The name is this kind's own: without it, nothing says it.
    first = found.findings[0].name
    without = judge(evidence, [each for each in KINDS if each.name != first])
    assert first not in without.names


def test_every_kind_is_planted():
    named = {name for each in plants.PLANTS.values() for name in each.names}
    assert {each.name for each in KINDS} <= named


@pytest.mark.parametrize("source", ["breast_cancer", "diabetes"])
def test_a_healthy_run_gets_a_clean_bill(source):
    found = fl.diagnose(fl.train(fl.Recipe(), fl.load(f"sklearn:{source}", valid=0.2)))
    assert set(found.names) <= {"validation_small"}, found.names
    assert "overfitting" in found.checked
    if found.healthy:
        assert "overfitting" in found.checked

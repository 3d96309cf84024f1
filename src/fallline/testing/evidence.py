"""Evidence made by hand: that of a healthy run, to be changed in one respect."""

import dataclasses
from typing import Any

import numpy as np

from fallline.core.block import replace
from fallline.diagnosis.evidence import Answers, Columns, Evidence, Layers, Split
from fallline.diagnosis.facts import Facts
from fallline.training.recipe import Recipe, complete

EPOCHS = 40


def recipe_of(task: str = "classification", **changes: Any) -> Recipe:
    """A completed recipe for 800 rows, with some fields changed."""
    return complete(replace(Recipe(epochs=EPOCHS, patience=None), changes), task=task, training_rows=800)


def history_of(**changes: Any) -> dict[str, np.ndarray]:
    """The columns of a run that learns; `dense_1__dead` stands for the column `dense_1.dead`."""
    epochs = np.arange(EPOCHS)
    rng = np.random.default_rng(0)
    fall = 0.15 + 1.1 * np.exp(-epochs / 4) + 0.002 * rng.normal(size=EPOCHS)
    columns: dict[str, np.ndarray] = {
        "epoch": epochs + 1,
        "train_loss": fall,
        "valid_loss": fall + 0.05,
        "train_objective": fall + 0.01,
    }
    columns["learning_rate"] = 3e-3 * 0.5 * (1 + np.cos(np.pi * (epochs + 0.5) / EPOCHS))
    for name in ("dense_1", "dense_2", "dense_3"):
        columns |= {f"{name}.gradient_norm": 0.2 + 0 * fall, f"{name}.update_ratio": 3e-3 * fall}
    for name in ("dense_1", "dense_2"):
        columns |= {f"{name}.dead": 0.05 + 0 * fall, f"{name}.saturated": 0 * fall}
    return columns | {name.replace("__", "."): np.asarray(each, float) for name, each in changes.items()}


def layers_of(**changes: Any) -> Layers:
    """Three layers in good order."""
    ones = np.ones(3)
    usual = Layers(
        loss=1.2, guess=1.0986, activations=("dense_1", "dense_2"), dead=np.zeros(2), saturated=np.zeros(2), size=ones[:2],
        layers=("dense_1", "dense_2", "dense_3"), gradient=0.2 * ones, weight=np.array([0.25, 0.1, 0.1]),
        usual=np.array([0.18, 0.09, 0.12]), alike=np.array([0.5, 0.4, 0.3]), signal=0.3,
    )  # fmt: skip
    return dataclasses.replace(usual, **changes)


def answers_of(rows: int = 400, classes: int = 3, wrong: float = 0.05, seed: int = 0) -> Answers:
    """Calibrated answers, and a forest that agrees."""
    rng = np.random.default_rng(seed)
    target = rng.integers(classes, size=rows)
    answer = np.full((rows, classes), wrong / (classes - 1))
    said = np.where(rng.random(rows) < wrong, (target + 1) % classes, target)
    answer[np.arange(rows), said] = 1 - wrong
    noise = 0.02 * rng.random((rows, classes))
    # The wrong answers are the unsure ones.
    answer[said != target] = 1 / classes
    answer[said != target, said[said != target]] += 0.05
    member = answer + noise
    return Answers(answer + noise, target, np.full(rows, 0.2), rng.normal(size=(rows, 4)), member)


def healthy(task: str = "classification", **changes: Any) -> Evidence:
    """The evidence of a healthy run with some of its parts changed."""
    scores = {"loss": 0.2, "accuracy": 0.95, "balanced_accuracy": 0.95}
    facts = Facts(largest=0.35, counts=(280, 270, 250), entropy=1.0986)
    if task == "regression":
        scores = {"loss": 0.1, "r2": 0.9, "rmse": 1.0}
        facts = Facts(spread=1.0, low=-3.1, high=3.3, distinct=800, variance=1.0, kurtosis=0.1, edges=0.002)
    usual: dict[str, Any] = {
        "recipe": recipe_of(task), "task": task, "outcome": "finished", "best_epoch": EPOCHS, "steps": 1000,
        "history": history_of(), "metrics": {"train": scores, "valid": scores, "test": scores},
        "rows": {"train": 800, "valid": 400, "test": 400}, "facts": facts,
        "skills": {"constant": 0.0, "linear": 0.8, "forest": 0.88}, "opening": layers_of(), "closing": layers_of(loss=0.2),
        "held": answers_of() if task == "classification" else None,
        "columns": Columns(tuple("abcd"), np.ones(4), np.array([0.5, 0.3, 0.2, 0.1]), np.zeros(4, bool)),
        "split": Split(0.0, 800, 1.0, 0.51, 0.02, "a"), "gradient": "",
    }  # fmt: skip
    return Evidence(**{**usual, **changes})

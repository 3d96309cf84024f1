"""The evidence that every run has at no cost: its history, its metrics, facts about its data, and simple models."""

from collections.abc import Mapping

import numpy as np

from fallline.data.table import Table
from fallline.diagnosis.evidence import Evidence, RecipeLike
from fallline.diagnosis.facts import facts_of, simple_skills
from fallline.diagnosis.thresholds import limit


def light_evidence(
    recipe: RecipeLike,
    table: Table,
    history: Mapping[str, np.ndarray],
    metrics: Mapping[str, Mapping[str, float]],
    *,
    outcome: str,
    best_epoch: int,
    steps: int,
    learnt: bool = True,
) -> Evidence:
    """Evidence from what a run has recorded and from the targets; nothing is trained and no network is evaluated."""
    data = table.dataset
    return Evidence(
        recipe=recipe,
        task=table.task,
        outcome=outcome,
        best_epoch=best_epoch,
        steps=steps,
        history=history,
        metrics=metrics,
        rows={"train": len(data.train), "valid": len(data.valid), "test": len(data.test)},
        features=int(data.x.shape[1]),
        learnt=learnt,
        facts=facts_of(data, limit("outlier")),
        skills=simple_skills(data),
    )

"""A study as plain data: the contents of `study.json` in a run folder, drawn by the report and readable by people."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.distribution import Distribution, parts
from fallline.core.documents import finite, write_json
from fallline.searching.against import default_sentence
from fallline.searching.combining import Combined
from fallline.searching.findings import edges, importance, outlook, prospects
from fallline.searching.nested_scores import Nested
from fallline.searching.sensitivity import Sensitivity, sensitivity
from fallline.searching.study import Study
from fallline.searching.trial import history_of
from fallline.strategies.dimension import option_words

NAME = "study.json"


def write_summary(folder: Path, study: Study, nested: Nested | None = None) -> dict[str, Any]:
    """Write `study.json` into a run folder and return its contents."""
    summary = summarise(study, nested)
    save_summary(folder, summary)
    return summary


def save_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write `study.json` into a run folder."""
    write_json(folder / NAME, summary, indent=1)


def summarise(study: Study, nested: Nested | None = None, combined: Combined | None = None) -> dict[str, Any]:
    """Trials, hyperparameters and the findings about them; values that are not finite become None."""
    trial_history = history_of(study.space, study.trials)
    rank = np.empty(len(trial_history), np.int64)
    rank[trial_history.order()] = np.arange(len(trial_history))
    best, ahead = study.best.trial, outlook(study)
    shares = {each.name: each.share for each in importance(study)}
    cards = {each.name: each for each in sensitivity(study)}
    return {
        "monitor": study.space.recipe.monitor,
        "seconds": round(study.seconds, 3),
        "best": {
            "trial": best.number,
            "score": finite(float(best.score * study.sign)),
            "error": finite(float(best.error)),
            "values": {name: _plain(value) for name, value in best.values.items()},
        },
        "trials": [
            {
                "trial": each.number,
                "outcome": each.outcome,
                "score": finite(float(each.score * study.sign)),
                "rank": int(own),
                "places": [
                    float(u) if on else None
                    for u, on in zip(each.point, study.space.active(each.point[None])[0], strict=True)
                ],
                "values": [_plain(each.values.get(name)) for name in study.space.names],
            }
            for each, own in zip(study.trials, rank, strict=True)
        ],
        "hyperparameters": [
            {
                **_range(study, i),
                "importance": shares.get(name),
                "sensitivity": None if name not in cards else _card(cards[name]),
            }
            for i, name in enumerate(study.space.names)
        ],
        "edges": edges(study),
        "default": default_sentence(study),
        "outlook": None if ahead is None else ahead.sentence,
        "prospects": [dataclasses.asdict(each) for each in prospects(study)],
        "nested": None
        if nested is None
        else {"folds": list(nested.metrics), "mean": nested.mean, "error": nested.error},
        **({} if combined is None else {"ensemble": _ensemble(combined)}),
    }


def _ensemble(combined: Combined) -> dict[str, Any]:
    return {
        "trials": [each.number for each in combined.trials],
        "weights": list(combined.weights),
        "gain": combined.gain,
        "error": combined.error,
        "judged_on": combined.judged_on,
        "sentence": combined.sentence,
    }


def _range(study: Study, i: int) -> dict[str, Any]:
    dimension, distribution = study.space.dimensions[i], study.space.dimensions[i].distribution
    if dimension.categorical:
        count = study.space.counts[i] or 1
        words = option_words(dimension.distribution.alternatives() or distribution.options)  # type: ignore[attr-defined]
        return {"name": dimension.name, "log": False, "low": 0, "high": count - 1, "options": words}
    low, high = distribution.reached()
    inner = (distribution, *(each for _, each in parts(distribution) if isinstance(each, Distribution)))
    log = any(each.name.startswith("log_") for each in inner)
    return {"name": dimension.name, "log": log, "low": finite(float(low)), "high": finite(float(high)), "options": None}


def _card(found: Sensitivity) -> dict[str, Any]:
    plain = dataclasses.asdict(found)
    ends = {key: None if plain[key] is None else [_plain(each) for each in plain[key]] for key in ("likely", "sure")}
    return {"sentence": found.sentence, "whole": found.whole, **ends}


def _plain(value: object) -> Any:
    if isinstance(value, bool | int | str) or value is None:
        return value
    return finite(float(value)) if isinstance(value, float | np.floating) else str(value)

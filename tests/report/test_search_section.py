import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.drawing.plotly_figure import plotly_figure as draw
from fallline.report.search_figures import search_figures
from fallline.report.search_section import read_search, search_text

HOSTILE = "<script>alert(1)</script>"


def trial(number: int, rank: int, score: float | None, u: float, outcome: str = "finished") -> dict[str, Any]:
    option = int(u > 0.5)
    return {"trial": number, "outcome": outcome, "score": score, "rank": rank, "places": [u, 0.25 + option / 2],
            "values": [10 ** (4 * u - 5), ["relu", HOSTILE][option]]}  # fmt: skip


def search(**more: Any) -> dict[str, Any]:
    card = {
        "sentence": "0.001 to 0.01 (surely only there)",
        "whole": False,
        "likely": [1e-3, 1e-2],
        "sure": [1e-3, 1e-3],
    }
    rate = {"name": "optimizer.learning_rate", "log": True, "low": 1e-5, "high": 0.1, "options": None}
    activation = {"name": "model.activation", "log": False, "low": 0, "high": 1, "options": ["relu", HOSTILE]}
    return {
        "monitor": "loss",
        "seconds": 75.0,
        "best": {"trial": 2, "score": 0.2, "error": 0.01, "values": {"optimizer.learning_rate": 1e-3}},
        "trials": [trial(0, 1, 0.5, 0.9), trial(1, 3, None, 0.99, "diverged"), trial(2, 0, 0.2, 0.5),
                   trial(3, 2, 0.9, 0.1, "pruned")],
        "hyperparameters": [
            {**rate, "importance": 0.8, "sensitivity": card},
            {**activation, "importance": None, "sensitivity": None},
        ],
        "edges": ["the best x is at an edge"],
        "outlook": None,
        "prospects": [{"trials": 1, "mean": 0.35, "low": 0.2, "high": 0.5}, {"trials": 2, "mean": 0.2, "low": 0.2, "high": 0.2}],
        "nested": {"folds": [{"loss": 0.3}, {"loss": 0.5}], "mean": {"loss": 0.4}, "error": {"loss": 0.1}},
        **more,
    }  # fmt: skip


def test_figures_show_every_trial_where_it_was():
    course, prospects, parallel, rate, activation = search_figures(search())
    points = {each.name: (each.x, each.y) for each in course.series}
    assert points["trials"] == ((0.0,), (0.5,))
    assert points["stopped by halving"] == ((3.0,), (0.9,))
    assert points["the best"] == ((2.0,), (0.2,))
    assert points["best so far"] == ((0.0, 2.0, 3.0), (0.5, 0.2, 0.2))
    assert [each.y for each in prospects.series] == [(0.35, 0.2), (0.2, 0.2), (0.5, 0.2)]
    lines = {each.name: each.y for each in parallel.series}
    assert lines["the best 10%"] == (0.5, 0.25, None)
    assert lines["the better half"] == (0.9, 0.75, None)
    assert lines["the other half"] == (0.1, 0.25, None, 0.99, 0.75, None)
    assert rate.log_x
    within = rate.series[-1]
    assert (within.x, within.y) == ((1e-3, 1e-2), (0.2, 0.2))
    assert {place for each in activation.series for place in each.x} == {0.0, 1.0}
    assert activation.x_ticks == ((0.0, "relu"), (1.0, HOSTILE))
    assert not any("<script" in draw(each).to_json() for each in (activation, parallel))


@given(
    st.lists(st.tuples(st.sampled_from(["finished", "pruned", "diverged"]), st.integers(0, 9)), max_size=12),
    st.booleans(),
)
def test_the_best_so_far_is_monotone_and_begins_with_a_finished_trial(seen, larger):
    sign = -1 if larger else 1
    place = {"finished": 0, "pruned": 1, "diverged": 2}
    order = sorted(range(len(seen)), key=lambda n: (place[seen[n][0]], sign * seen[n][1], n))
    trials = [trial(n, order.index(n), None if o == "diverged" else float(s), 0.5, o) for n, (o, s) in enumerate(seen)]
    course = next((e for e in search_figures(search(trials=trials)) if e.title == "Trials"), None)
    line = next((each for each in course.series if each.name == "best so far"), None) if course else None
    finished = [n for n, (outcome, _) in enumerate(seen) if outcome == "finished"]
    assert (line is None) == (not finished)
    if line is not None:
        assert line.x[0] == finished[0]
        assert all(sign * a >= sign * b for a, b in itertools.pairwise(line.y))


def test_the_section_says_what_was_found_and_escapes_it():
    text = search_text(search())
    for said in ("0.2", "trial 2 ± 0.01", "1 diverged, 1 pruned", "1 min 15 s", "± 0.1 over 2 outer folds", "80%",
                 "surely only there", "The best x is at an edge."):  # fmt: skip
        assert said in text
    hostile = search_text(search(edges=[HOSTILE], monitor=HOSTILE))
    assert HOSTILE not in hostile


def test_larger_is_better_and_nothing_scored():
    accuracies = [trial(0, 1, 0.5, 0.9), trial(1, 0, 0.9, 0.2)]
    course = search_figures(search(trials=accuracies, monitor="accuracy"))[0]
    assert course.series[-1].y == (0.5, 0.9)
    lost = search_figures(search(trials=[trial(0, 0, None, 0.5, "diverged")], prospects=[]))
    assert [each.title for each in lost] == ["Hyperparameters together"]


@pytest.mark.parametrize(
    "text", ["{", "[]", json.dumps(search(trials=3)), json.dumps({}), json.dumps(search(best=None))]
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str):
    assert read_search(tmp_path) is None
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(FalllineError, match="is damaged: it"):
        read_search(tmp_path)


def test_axes_are_drawn_on_their_own_scale():
    drawn = [draw(each) for each in search_figures(search())]
    assert drawn[3].layout.xaxis.type == "log"
    assert list(drawn[4].layout.xaxis.tickvals) == [0.0, 1.0]
    best = next(each for each in drawn[3].data if each.name == "the best")
    assert best.mode == "markers"
    assert math.isclose(best.x[0], 1e-3)

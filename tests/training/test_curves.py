"""Curves as data."""

import math

import numpy as np
import pytest

from fallline.drawing.figure import Figure
from fallline.probes import RECORDED, Probe
from fallline.training.curves import MOST_UNKNOWN, POINTS, curves_of
from fallline.training.history import History

NAN = [math.nan] * 3
SPLITS = {"train_loss": [3.0, 0.3, 0.1], "valid_loss": [2.0, 1.0, 1.5], "train_rmse": [9, 8, 7], "valid_rmse": NAN}


def curves(best: int = 2, **columns: object) -> dict[str, Figure]:
    count = len(next(iter(columns.values())))  # type: ignore[call-overload]
    history = History({"epoch": np.arange(1, count + 1), **{name: np.asarray(each) for name, each in columns.items()}})
    return {each.title: each for each in curves_of(history, {"best_epoch": best})}


def test_splits_and_the_best_epoch() -> None:
    found = curves(**SPLITS)
    assert [each.role for each in found["Loss"].series] == ["train", "valid"]
    assert found["Loss"].series[1].y == (2.0, 1.0, 1.5)
    assert found["Loss"].mark == (2, "best: epoch 2")
    assert found["Loss"].log_y
    assert not found["RMSE"].log_y


def test_columns_without_numbers_are_left_out() -> None:
    found = curves(**SPLITS, learning_rate=NAN)
    assert [each.name for each in found["RMSE"].series] == ["training"]
    assert list(found) == ["Loss", "RMSE"]


def test_a_monitored_metric_has_a_figure() -> None:
    assert [each.role for each in curves(valid_balanced_accuracy=[0.1, 0.2])["Balanced accuracy"].series] == ["valid"]


def test_what_is_not_finite_is_a_gap() -> None:
    assert curves(train_loss=[1.0, math.inf, math.nan])["Loss"].series[0].y == (1.0, None, None)


def test_layers_come_in_order_and_the_usual_ratio_with_them() -> None:
    found = curves(**{f"dense_{i}.update_ratio": [1e-2, 1e-4] for i in (1, 10, 2)})["Update to weight ratio"]
    assert [each.name for each in found.series] == ["dense_1", "dense_2", "dense_10", "1e-3, usual"]
    assert found.series[-1].dashed
    assert found.series[-1].y == (1e-3, 1e-3)
    assert found.log_y


def test_names_that_differ_in_words_and_numbers_can_be_sorted() -> None:
    names = ["2.gradient_norm", "a.gradient_norm", "a2.b.gradient_norm", "10.gradient_norm"]
    found = curves(**{name: [1.0] for name in names})["Gradient norm"]
    assert [each.name for each in found.series] == ["2", "10", "a", "a2.b"]


def test_zero_ratios_stay_linear() -> None:
    found = curves(**{"a.update_ratio": [0.0, 0.0], "a.dead": [0.0, 0.0]})
    assert not found["Update to weight ratio"].log_y
    assert found["Update to weight ratio"].all_zero
    assert found["Dead units"].all_zero


def test_one_epoch_and_none() -> None:
    assert curves(train_loss=[0.5])["Loss"].series[0].x == (1.0,)
    assert curves(train_loss=[]) == {}
    assert curves(0, train_loss=[0.5])["Loss"].mark == (0, "best: before training")


def test_a_long_history_keeps_its_spikes() -> None:
    values = np.ones(50_000)
    values[[777, 30_001]] = 9.0, -9.0
    values[40_000:40_500] = math.nan
    curve = curves(train_loss=values)["Loss"].series[0]
    assert len(curve.x) <= POINTS
    assert {(778.0, 9.0), (30_002.0, -9.0), (1.0, 1.0), (50_000.0, 1.0)} <= set(zip(curve.x, curve.y, strict=True))
    assert None in curve.y


@pytest.mark.parametrize("probe", [each for each in RECORDED if each.drawn], ids=lambda probe: probe.name)
def test_a_figure_is_what_its_probe_declares(probe: Probe) -> None:
    names = [probe.name] if probe.axis == "run" else [f"dense_{i}.{probe.name}" for i in (1, 2)]
    found = curves(**{name: [0.25, 0.5] for name in names})
    assert list(found) == [probe.title]
    for figure in found.values():
        assert figure.caption == probe.help
        assert figure.percent == (probe.scale == "share")
        assert figure.log_y == (probe.scale == "log")
        assert [each.y for each in figure.series if each.role != "reference"] == [(0.25, 0.5)] * len(names)


def test_columns_of_unknown_probes_are_drawn_by_their_names_and_not_without_end() -> None:
    found = curves(**{"dense_1.margin_left": [1.0], "dense_2.margin_left": [2.0], "noise": [3.0], "epoch_2": [4.0]})
    assert list(found) == ["Margin left", "Noise", "Epoch 2"]
    assert [each.name for each in found["Margin left"].series] == ["dense_1", "dense_2"]
    assert [each.role for each in found["Noise"].series] == ["single"]
    assert len(curves(**{f"unknown_{i}": [1.0] for i in range(MOST_UNKNOWN + 9)})) == MOST_UNKNOWN

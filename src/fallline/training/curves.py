"""The curves of a run over its epochs, as figures."""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fallline.drawing.curves import Role, Series
from fallline.drawing.figure import Figure
from fallline.drawing.words import is_share, metric_label, metric_title

if TYPE_CHECKING:
    from fallline.training.history import History

UNKNOWN = "Recorded by a probe of the run that declares nothing here."
MOST_UNKNOWN = 50  # most figures of such probes
POINTS = 600  # most points of a curve; a longer history is reduced to the extremes of its stretches


def curves_of(history: "History", summary: Mapping[str, Any]) -> list[Figure]:
    """A run's curves over its epochs; columns without numbers and figures without curves are left out.

    Arguments:
        history: the history, one row per epoch.
        summary: the content of `metrics.json`; its `best_epoch` is marked.

    >>> from fallline.training.history import History
    >>> import numpy as np
    >>> history = History({"epoch": np.array([1, 2]), "train_loss": np.array([2.0, 0.5])})
    >>> [(figure.title, figure.series[0].y) for figure in curves_of(history, {"best_epoch": 2})]
    [('Loss', (2.0, 0.5))]
    """
    best = summary.get("best_epoch")
    mark = (best, f"best: epoch {best}" if best else "best: before training") if isinstance(best, int) else None
    figures = [
        _of_splits(history, "loss", mark),
        *(_of_splits(history, name, mark) for name in _metrics_in(history)),
        *(_of_probe(history, each) for each in _declared(history)),
    ]
    return [each for each in figures if any(one.role != "reference" for one in each.series)]


def _metrics_in(history: "History") -> list[str]:
    names = dict.fromkeys(filter(None, map(_of_split, history.columns)))
    return [name for name in names if name not in ("loss", "objective")]


def _of_split(column: str) -> str:
    """The metric of a column of the training or validation rows, such as `loss`; empty for other columns."""
    match = re.fullmatch(r"(?:train|valid)_([^.]+)", column)
    return match[1] if match else ""


def _of_splits(history: "History", name: str, mark: tuple[float, str] | None) -> Figure:
    series = (
        *_curve(history, f"train_{name}", "training", "train"),
        *_curve(history, f"valid_{name}", "validation", "valid"),
    )
    caption = (
        "Training values are means over an epoch's minibatches, while the weights move; validation values are taken "
        "at its end."
    )
    title = metric_title(name)
    return Figure(
        title,
        f"The loss without its penalty. {caption}" if name == "loss" else caption,
        "epoch",
        metric_label(name),
        series,
        log_y=name == "loss" and _spans_decades(series),
        percent=is_share(name),
        mark=mark,
    )


@dataclasses.dataclass(frozen=True)
class _Declared:
    """The facts needed for the figure of a probe: its name in the history, and the facts that it declares."""

    name: str
    title: str
    help: str
    axis: str = "run"
    scale: str = "linear"
    reference: tuple[float, str] | None = None


def _declared(history: "History") -> list[_Declared]:
    """The probes of a history that have a figure: first the known ones, then others, by the names of their columns."""
    from fallline.core.block import family
    from fallline.probes import RECORDED
    from fallline.probes.recording import reserved

    built_in: dict[str, Any] = {each.name: type(each) for each in RECORDED}
    kinds = built_in | {name: kind for name, kind in family("probe").items() if not reserved(name)} | built_in
    seen = dict.fromkeys(name.rpartition(".")[2] for name in history.columns)
    known = [
        _Declared(name, kind.title or metric_title(name), kind.help, kind.axis, kind.scale, kind.reference)
        for name, kind in kinds.items()
        if name in seen and kind.drawn
    ]
    others = [name for name in seen if name not in kinds and name != "epoch" and not _of_split(name)]
    return [*known, *(_Declared(name, metric_title(name), UNKNOWN) for name in others[:MOST_UNKNOWN])]


def _of_probe(history: "History", probe: _Declared) -> Figure:
    """A probe's values over the epochs: one curve for the run, or one for every layer."""
    columns = [name for name in history.columns if name.rpartition(".")[2] == probe.name]
    label = probe.title[:1].lower() + probe.title[1:]
    series: list[Series] = []
    for layer, column in sorted(
        ((name.rpartition(".")[0], name) for name in columns), key=lambda each: _by_number(each[0])
    ):
        series += _curve(history, column, layer or label, "layer" if layer else "single")
    share = probe.scale == "share"
    figure = Figure(
        probe.title,
        probe.help,
        "epoch",
        "share of units" if share and probe.axis == "activation" else label,
        tuple(series),
        log_y=probe.scale == "log" and _has_positive(series),
        percent=share,
    )
    return figure if probe.reference is None else _with_reference(figure, *probe.reference)


def _with_reference(figure: Figure, value: float, name: str) -> Figure:
    """Adds a usual value as a reference line, if the vertical axis is logarithmic."""
    if not figure.series or not figure.log_y:
        return figure
    x = [value for each in figure.series for value in each.x]
    line = Series(name, (min(x), max(x)), (value, value), "reference", dashed=True)
    return dataclasses.replace(figure, series=(*figure.series, line))


def _curve(history: "History", column: str, name: str, role: Role) -> Iterable[Series]:
    """The column as a curve; nothing if the column is missing or holds no number."""
    if column not in history.columns:
        return
    x = [float(value) for value in history["epoch"].tolist()]
    y = [_short(float(value)) for value in history[column].tolist()]
    if any(value is not None for value in y):
        kept = _extremes(y) if len(y) > POINTS else range(len(y))
        yield Series(name, tuple(x[i] for i in kept), tuple(y[i] for i in kept), role)


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _extremes(values: list[float | None]) -> list[int]:
    """The places of the first, lowest, highest and last value of each stretch, so that no spike is lost."""
    width = -(-len(values) // (POINTS // 4))
    kept: set[int] = set()
    for start in range(0, len(values), width):
        stretch = range(start, min(start + width, len(values)))
        present = [i for i in stretch if values[i] is not None] or [start]
        size = lambda i: values[i] or 0.0  # noqa: E731
        kept |= {stretch[0], min(present, key=size), max(present, key=size), stretch[-1]}
    return sorted(kept)


def _spans_decades(series: Iterable[Series]) -> bool:
    values = [value for each in series for value in each.y if value is not None]
    return bool(values) and min(values) > 0 and max(values) / min(values) > 20


def _has_positive(series: Iterable[Series]) -> bool:
    return any(value is not None and value > 0 for each in series for value in each.y)


def _by_number(name: str) -> list[Any]:
    """A sort key that puts `dense_2` before `dense_10`: words and numbers in turn."""
    return [int(part[:18]) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]

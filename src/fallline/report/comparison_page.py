"""The page that compares runs: what differs in their recipes, their metrics, their curves, and their answers row by row."""

from collections.abc import Sequence
from pathlib import Path

from fallline.core.files import write_atomically
from fallline.drawing.curves import Series
from fallline.drawing.figure import Figure
from fallline.drawing.markup import Html, tag
from fallline.drawing.words import is_share, metric_label, metric_title, value_of
from fallline.report.chart_card import numbers_table
from fallline.report.differences import Differences, differences
from fallline.report.document import document, figure_card
from fallline.report.finished import Finished, read_finished
from fallline.report.paired import Paired, paired

POINTS = 600  # most points of a curve
_SPLITS = {"train": "training", "valid": "validation", "out_of_fold": "out of fold", "test": "test"}


def write_comparison(folders: Sequence[Path], path: Path) -> tuple[Differences, list[Paired], str]:
    """Write the page that compares finished runs; returns what it says, and why nothing is compared row by row, if so.

    Raises: FalllineError for a folder that holds no finished run, and if the page cannot be written.
    """
    runs = [read_finished(each) for each in folders]
    found = differences(runs)
    beside, reason = paired(runs, found.names)
    write_atomically(path, comparison_page(runs, found, beside, reason).encode("utf-8", "replace"))
    return found, beside, reason


def comparison_page(runs: Sequence[Finished], found: Differences, beside: Sequence[Paired], reason: str) -> str:
    """The page; `reason` says why nothing is compared row by row."""
    figures = [each for each in (_figure(runs, found.names, name) for name in _columns(runs)) if each.series]
    body = tag(
        "main",
        tag(
            "header",
            tag("p", "Fallline comparison", class_="over"),
            tag("h1", " · ".join(found.names)),
            tag("p", _outcomes(runs, found.names), class_="over"),
        ),
        tag("h2", "What differs"),
        _fields(found),
        tag("h2", "Metrics"),
        tag("div", _metrics(found), class_="card wide"),
        tag("h2", "Row by row"),
        _rows(beside, reason),
        tag("h2", "Curves"),
        tag("section", *(figure_card(each, place) for place, each in enumerate(figures)), class_="figures"),
    )
    return document(f"{' · '.join(found.names)} · Fallline", body, figures)


def _outcomes(runs: Sequence[Finished], names: Sequence[str]) -> str:
    return " ".join(f"{name} {each.summary['sentence']}." for name, each in zip(names, runs, strict=True))


def _fields(found: Differences) -> Html:
    said = []
    if found.same_data is False:
        said.append(
            tag(
                "p",
                "They were trained on different data, or data split otherwise: their metrics are of different rows.",
            )
        )
    if not found.fields:
        return tag("section", *said, tag("p", "Their recipes, data and seeds are the same."), class_="card")
    table = numbers_table("What differs", ("field", *found.names), [(path, *values) for path, values in found.fields])
    return tag("section", *said, table, class_="card wide")


def _metrics(found: Differences) -> Html:
    rows = [
        (f"{metric_title(name)}, {_SPLITS[split]}", *(value_of(name, value) for value in values))
        for split, name, values in found.metrics
    ]
    return numbers_table("Metrics", ("", *found.names), rows)


def _rows(beside: Sequence[Paired], reason: str) -> Html:
    if not beside:
        return tag("section", tag("p", f"{reason[:1].upper()}{reason[1:]}."), class_="card")
    one = beside[0]
    said = (
        f"On the same {one.rows:,} {one.split} rows. The error is the {one.measure}. The difference is a run's error minus "
        "the first one's, with the standard error of its mean over the rows."
    )
    head = ("run", "error", f"error of {one.first}", "difference", "±", "less wrong on", "more wrong on", "")
    lines = [
        (each.other, *(f"{value:.4g}" for value in (each.errors[1], each.errors[0], each.difference, each.error)),
         f"{each.wins[1]:,} rows", f"{each.wins[0]:,} rows", each.sentence)
        for each in beside
    ]  # fmt: skip
    return tag("section", tag("p", said), numbers_table("Row by row", head, lines), class_="card wide")


def _columns(runs: Sequence[Finished]) -> list[str]:
    """The columns of losses and metrics, validation before training."""
    names = dict.fromkeys(name for each in runs for name in each.history if name.startswith(("valid_", "train_")))
    kept = [name for name in names if "." not in name and not name.endswith("_objective")]
    return sorted(kept, key=lambda name: (name.partition("_")[2] != "loss", name.partition("_")[2], name[0] != "v"))


def _figure(runs: Sequence[Finished], names: Sequence[str], column: str) -> Figure:
    split, _, metric = column.partition("_")
    series: list[Series] = []
    for name, run in zip(names, runs, strict=True):
        if column not in run.history:
            continue
        step = -(-len(run.history) // POINTS) if len(run.history) else 1
        x = tuple(float(each) for each in run.history["epoch"][::step])
        y = tuple(_short(float(each)) for each in run.history[column][::step])
        if any(each is not None for each in y):
            series.append(Series(name, x, y, "path", dashed=bool(len(series) % 2)))
    values = [value for each in series for value in each.y if value is not None]
    log = metric == "loss" and bool(values) and min(values) > 0 and max(values) / min(values) > 20
    title = f"{metric_title(metric)}, {_SPLITS[split]}"
    return Figure(
        title, "", "epoch", metric_label(metric), tuple(series), log_y=log, percent=is_share(metric)
    )  # fmt: skip


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if value - value == 0 else None

"""The page of a fork: what every branch does after the epoch that it left the run at."""

from collections.abc import Mapping, Sequence
from typing import Any

from fallline.drawing.curves import Series
from fallline.drawing.figure import Figure
from fallline.drawing.markup import tag
from fallline.drawing.words import number
from fallline.report.document import document, figure_card


def fork_page(name: str, trunk: Mapping[str, Any], forked: Mapping[str, Any]) -> str:
    """A page with a table of the branches and their loss curves, from `Forked.to_plain` and the history before the fork.

    Arguments:
        name: the title.
        trunk: columns of the history up to the fork: `epoch`, `train_loss`, `valid_loss`.
        forked: the branches as plain data.
    """
    figures = [
        each for each in (_figure(column, trunk, forked) for column in ("valid_loss", "train_loss")) if each.series
    ]
    best = forked["best"]
    lines = [
        tag("tr", tag("th", f"{each['name']}{' (best)' if each['name'] == best else ''}", scope="row"),
            tag("td", number(each["score"])), tag("td", each["outcome"]), tag("td", number(len(each["epochs"]))))
        for each in forked["branches"]
    ]  # fmt: skip
    head = tag(
        "tr",
        *(
            tag("th", each, scope="col")
            for each in ("branch", f"score ({forked['monitor']}; less is better)", "outcome", "epochs")
        ),
    )
    body = tag(
        "main",
        tag("header", tag("p", "Fallline fork", class_="over"), tag("h1", name),
            tag("p", f"Branches from epoch {forked['epoch']}; the first one is the run as it was.", class_="over")),
        tag("div", tag("table", tag("thead", head), tag("tbody", *lines)), class_="card wide"),
        tag("h2", "Curves"),
        tag("section", *(figure_card(each, place) for place, each in enumerate(figures)), class_="figures"),
    )  # fmt: skip
    return document(f"{name} · Fallline", body, figures)


def _figure(column: str, trunk: Mapping[str, Any], forked: Mapping[str, Any]) -> Figure:
    title = "Validation loss" if column == "valid_loss" else "Training loss"
    series = [_series("before the fork", trunk["epoch"], trunk[column], dashed=True)]
    fork = [
        (epoch, value) for epoch, value in zip(trunk["epoch"], trunk[column], strict=True) if epoch == forked["epoch"]
    ]
    for each in forked["branches"]:
        epochs, losses = zip(*fork, *zip(each["epochs"], each[column], strict=True), strict=True)
        series.append(_series(each["name"], epochs, losses))
    shown = tuple(each for each in series if any(value is not None for value in each.y))
    values = [value for each in shown for value in each.y if value is not None]
    log = bool(values) and min(values) > 0 and max(values) / min(values) > 20
    caption = "The curves part at the fork; every branch draws the same minibatches."
    return Figure(title, caption, "epoch", "loss", shown, log_y=log, mark=(forked["epoch"], "fork"), wide=True)


def _series(name: str, x: Sequence[Any], y: Sequence[Any], dashed: bool = False) -> Series:
    points = tuple(None if value is None or value - value != 0 else float(f"{float(value):.6g}") for value in y)
    return Series(name, tuple(float(each) for each in x), points, "single" if dashed else "path", dashed=dashed)

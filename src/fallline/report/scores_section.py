"""The section that puts every score beside those of simple models, with the interval that its rows allow."""

from collections.abc import Sequence

from fallline.drawing.markup import Html, join, tag
from fallline.drawing.words import NOTHING, metric_title, value_of
from fallline.interpretation import Interpretation
from fallline.interpretation.baseline import NAMES
from fallline.interpretation.words import SPLITS
from fallline.report.chart_card import numbers_table

ABOUT = (
    "Another choice of as many rows would have given other scores: 95 of 100 such intervals hold the score on all rows of "
    "this kind. The simple models learnt from the same training rows."
)


def scores_text(found: Interpretation | str | None) -> Html:
    """The section; a sentence if there is no interpretation, and nothing for a run of an earlier version."""
    if found is None:
        return Html("")
    if isinstance(found, str):
        return join([tag("h2", "Scores"), tag("p", found, class_="card")])
    said = [*found.sentences, *(f"{each[:1].upper()}{each[1:]}." for each in found.notes)]
    head, rows = score_rows(found)
    return join(
        [
            tag("h2", "Scores beside simple models"),
            tag(
                "div",
                tag("ul", *(tag("li", each) for each in said), class_="said") if said else "",
                numbers_table("Scores beside simple models", head, rows),
                tag("p", ABOUT, class_="still"),
                class_="card",
            ),
        ]
    )


def score_rows(found: Interpretation) -> tuple[list[str], list[Sequence[str]]]:
    """(headings, rows as text) of the table of scores."""
    names = NAMES[found.task]
    head = ["", "this model", "95 % interval", names["constant"], names["linear"]]
    rows: list[Sequence[str]] = []
    for row in found.scores.iter_rows(named=True):
        metric = row["metric"]
        ends = [value_of(metric, row[end]) for end in ("low", "high")]
        rows.append(
            (
                f"{metric_title(metric)}, {SPLITS[row['split']]} rows",
                value_of(metric, row["value"]),
                NOTHING if NOTHING in ends else f"{ends[0]} to {ends[1]}",
                value_of(metric, row["constant"]),
                value_of(metric, row["linear"]),
            )
        )
    if not any(row[4] != NOTHING for row in rows):
        return head[:4], [row[:4] for row in rows]
    return head, rows

"""Charts about the answers of a regression: predicted against true, residuals, errors by decile."""

from typing import Any

import numpy as np

from fallline.drawing.markup import Html
from fallline.drawing.words import number, shortened
from fallline.interpretation import Interpretation
from fallline.report.chart_card import chart_card
from fallline.report.charts import BarMark, LineMark, bar_chart, ends_of, line_chart

TARGETS = 4  # most targets that are drawn


def number_figures(found: Interpretation) -> list[Html]:
    """Three charts for every target."""
    cards = []
    for name in found.targets_named[:TARGETS]:
        several = f": {name}" if len(found.targets_named) > 1 else ""
        cards += [_against(found, name, several), _residuals(found, name, several), _deciles(found, name, several)]
    return cards


def _points(found: Interpretation, name: str) -> tuple[np.ndarray, np.ndarray, list[tuple[Any, ...]]]:
    part = found.predictions.filter(found.predictions["name"] == name)
    rows = [(row["row"], row["true"], row["predicted"]) for row in part.iter_rows(named=True)]
    return part["true"].to_numpy(), part["predicted"].to_numpy(), rows


def _against(found: Interpretation, name: str, several: str) -> Html:
    true, predicted, rows = _points(found, name)
    (summary,) = found.targets.filter(found.targets["name"] == name).iter_rows(named=True)
    said = f"The mean absolute error is {number(summary['mae'])}."
    if summary["coverage"] is not None:
        share, asked = (f"{100 * summary[each]:.0f} %" for each in ("coverage", "asked"))
        said += f" {share} of the intervals of probability {asked} hold the true value."
    ends = ends_of(true, predicted)
    drawing = line_chart(f"Predicted against true {name}", said, [LineMark(name, true, predicted, dots=True)],
                         (f"true {shortened(name, 24)}", "predicted"), ends, ends, "rise")  # fmt: skip
    few = f" {len(rows):,} of {found.rows:,} rows are shown." if len(rows) < found.rows else ""
    caption = f"A dot for each row; on the dashed line a prediction is exact. {said}{few}"
    return chart_card(f"Predicted against true{several}", caption, drawing, ("row", "true", "predicted"), rows)


def _residuals(found: Interpretation, name: str, several: str) -> Html:
    true, predicted, rows = _points(found, name)
    (summary,) = found.targets.filter(found.targets["name"] == name).iter_rows(named=True)
    bias, low, high = (summary[each] for each in ("bias", "bias_low", "bias_high"))
    side = "too high" if bias > 0 else "too low"
    clear = low is not None and high is not None and (low > 0 or high < 0)
    if clear:
        ends = f"95 % interval of the bias {number(low)} to {number(high)}"
        said = f"Predictions are on average {number(abs(bias))} {side} ({ends})."
    else:
        said = f"The bias of {number(bias)} is within the noise ({number(low)} to {number(high)})."
    away = predicted - true
    drawing = line_chart(f"Errors by prediction, {name}", said, [LineMark(name, predicted, away, dots=True)],
                         (f"predicted {shortened(name, 24)}", "predicted minus true"),
                         ends_of(predicted), ends_of(away, np.zeros(1)), "zero")  # fmt: skip
    caption = (
        f"Above the line a prediction is too high. A curve or a funnel means that something was not learnt. {said}"
    )
    with_error = [(row, t, p, float(e)) for (row, t, p), e in zip(rows, away, strict=True)]
    return chart_card(f"Errors{several}", caption, drawing, ("row", "true", "predicted", "error"), with_error)


def _deciles(found: Interpretation, name: str, several: str) -> Html:
    part = found.deciles.filter(found.deciles["name"] == name)
    bars = [BarMark(f"{number(row['low'])} – {number(row['high'])}", row["mae"]) for row in part.iter_rows(named=True)]
    said = "The rows in parts of about the same size, from the lowest predictions to the highest."
    drawing = bar_chart(f"Error by size of the prediction, {name}", said, bars, "mean absolute error")
    head = ("part", "rows", "from", "to", "mean prediction", "mean truth", "bias", "mean absolute error")
    rows = [row[1:] for row in part.iter_rows()]
    return chart_card(f"Error by size of the prediction{several}", said, drawing, head, rows)

"""Charts of what is trained on request: columns left out, fewer rows, shuffled targets, groups left out."""

import numpy as np

from fallline.drawing.markup import Html
from fallline.drawing.words import metric_label, number
from fallline.interpretation import Interpretation
from fallline.report.chart_card import chart_card
from fallline.report.charts import BarMark, LineMark, bar_chart, ends_of, line_chart

BARS = 12


def requested_figures(found: Interpretation) -> list[Html]:
    """The charts that were asked for."""
    makers = {
        "drop_column": _dropped, "learning_curve": _curve, "permuted_labels": _permuted, "left_out": _left_out,
    }  # fmt: skip
    return [make(found) for name, make in makers.items() if getattr(found, name).height]


def _dropped(found: Interpretation) -> Html:
    metric = metric_label(found.metric)
    rows = list(found.drop_column.iter_rows())
    bars = [
        BarMark(name, gain, gain - 2 * error, gain + 2 * error, gain > 2 * error) for name, gain, error in rows[:BARS]
    ]
    caption = (
        "How much worse the score is when the network is trained again without one column, on the same folds. Columns that "
        "can stand in for each other add little. Bars show two standard errors; grey is within the noise."
    )
    drawing = bar_chart("Columns left out", caption, bars, f"{metric} lost without it")
    return chart_card("Trained without one column", caption, drawing, ("column", f"{metric} lost", "±"), rows)


def _curve(found: Interpretation) -> Html:
    metric, table = metric_label(found.metric), found.learning_curve
    x, y, error = (table[each].to_numpy() for each in ("rows", "score", "error"))
    error = np.nan_to_num(error)
    last = float(y[-1] - y[-2]) if len(y) > 1 else 0.0
    noise = float(np.hypot(error[-1], error[-2])) if len(y) > 1 else 0.0
    better = last > 2 * noise if found.metric != "rmse" else -last > 2 * noise
    said = "More rows would probably help: the curve still gets better." if better else (
        "The last step is within the noise: more rows like these may help little."
    )  # fmt: skip
    line = LineMark(metric, x, y, low=y - error, high=y + error)
    drawing = line_chart(
        "Learning curve", said, [line], ("training rows", metric), ends_of(x), ends_of(y - error, y + error)
    )
    caption = f"The score on the same validation rows after training on fewer rows, with standard errors. {said}"
    return chart_card(
        "Would more rows help?", caption, drawing, ("training rows", metric, "±"), list(table.iter_rows())
    )


def _permuted(found: Interpretation) -> Html:
    metric = metric_label(found.metric)
    scores = found.permuted_labels["score"].to_numpy()
    sign = -1.0 if found.metric == "rmse" else 1.0
    p = (1 + int((sign * scores[1:] >= sign * scores[0]).sum())) / len(scores)
    ends = f"{number(scores[1:].min())} to {number(scores[1:].max())}"
    said = f"{number(scores[0])} with the true targets; shuffled, {ends} (p = {p:.2g})."
    best, mean = float(sign * (sign * scores[1:]).max()), float(scores[1:].mean())
    bars = [BarMark("true targets", float(scores[0]))]
    bars += [BarMark("shuffled, best", best, strong=False), BarMark("shuffled, mean", mean, strong=False)]
    drawing = bar_chart("Shuffled targets", said, bars, metric, is_dot=True)
    caption = "The same training with targets that were shuffled among the rows, so that there is nothing to find. "
    caption += f"{metric[:1].upper()}{metric[1:]}: {said}"
    return chart_card("Did it find anything?", caption, drawing, ("shuffle (0: true targets)", metric),
                      list(found.permuted_labels.iter_rows()))  # fmt: skip


def _left_out(found: Interpretation) -> Html:
    metric = metric_label(found.metric)
    rows = list(found.left_out.iter_rows())
    bars = [BarMark(group, score) for group, _, score, _ in rows[:BARS]]
    caption = "The score on the rows of one group after training on all others: what to expect of a group that is new."
    drawing = bar_chart("Groups left out", caption, bars, metric, is_dot=True)
    return chart_card(
        "A group it has never seen", caption, drawing, ("group", "rows", metric, "a constant answer"), rows
    )

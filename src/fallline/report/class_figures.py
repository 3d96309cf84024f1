"""Charts about the answers of a classification: confusion, curves, calibration, thresholds."""

import numpy as np

from fallline.drawing.markup import Html, tag
from fallline.drawing.words import number
from fallline.interpretation import Interpretation
from fallline.report.chart_card import chart_card, numbers_table
from fallline.report.charts import LineMark, ends_of, line_chart, matrix_chart

MATRIX = 12  # most classes of a matrix that is drawn
PAIRS = 15  # most pairs of classes that are listed instead
CURVES = 5  # most classes whose curves are drawn: those of the smallest areas
SHARE = (-0.02, 1.02)


def class_figures(found: Interpretation) -> list[Html]:
    """The charts that apply."""
    cards = [
        _confusion(found),
        _per_class(found),
        _roc(found),
        _precision(found),
        _reliability(found),
        _thresholds(found),
    ]
    return [each for each in cards if each]


def _confusion(found: Interpretation) -> Html:
    table = found.confusion
    if not table.height:
        return Html("")
    wrong = table.filter(table["true"] != table["predicted"]).sort("rows", descending=True)
    rows = list(wrong.iter_rows())
    total, missed = float(table["rows"].sum()), float(wrong["rows"].sum())
    most = f" Most often, {rows[0][0]} is taken for {rows[0][1]} ({number(rows[0][2])})." if rows else ""
    said = f"{number(missed)} of {number(total)} rows are wrong.{most}"
    head = ("true class", "predicted", "rows")
    if len(found.classes) > MATRIX:
        listed = numbers_table("Most frequent confusions", head, rows[:PAIRS])
        return tag("figure", tag("figcaption", tag("h3", "Which class is taken for which"), tag("p", said)), listed,
                   class_="card drawn")  # fmt: skip
    drawing = matrix_chart("Confusion matrix", said, found.matrix, found.classes)
    caption = f"Every row of the matrix is a true class; the darker a cell, the larger its share of that class. {said}"
    return chart_card("Which class is taken for which", caption, drawing, head, list(table.iter_rows()))


def _per_class(found: Interpretation) -> Html:
    rows = sorted(found.per_class.iter_rows(), key=lambda row: 2.0 if row[4] is None else row[4])
    caption = (
        "Precision: of the rows that are called this class, the share that are. Recall: of the rows of this class, the share "
        "that is found. F1 is high only if both are. The weakest class stands first."
    )
    head = ("", "rows", "precision", "recall", "F1", "ROC AUC")
    return tag("figure", tag("figcaption", tag("h3", "Scores of each class"), tag("p", caption)),
               numbers_table("Scores of each class", head, [row[:6] for row in rows[:40]]), class_="card drawn")  # fmt: skip


def _names(found: Interpretation, table: str) -> list[str]:
    """The classes whose curves are drawn, the weakest first."""
    known = list(dict.fromkeys(getattr(found, table)["name"].to_list()))
    area = dict(zip(found.per_class["name"], found.per_class["auc"], strict=True))
    return sorted(known, key=lambda name: area.get(name) or 0.0)[:CURVES]


def _of(several: list[str], found: Interpretation) -> str:
    if len(several) == 1:
        return f" The class that is looked for is {several[0]}." if len(found.classes) == 2 else ""
    more = len(found.classes) > len(several)
    kind = "label" if found.task == "multilabel" else "class"
    return f" One line for each {kind}, against all others{', the weakest only' if more else ''}."


def _roc(found: Interpretation) -> Html:
    names = _names(found, "roc")
    if not names:
        return Html("")
    area = dict(zip(found.per_class["name"], found.per_class["auc"], strict=True))
    lines, rows = [], []
    for name in names:
        part = found.roc.filter(found.roc["name"] == name)
        x, y = (part[each].to_numpy() for each in ("false_positive_rate", "true_positive_rate"))
        lines.append(LineMark(name, x, y))
        rows += list(part.iter_rows())
    said = "; ".join(f"{name}: area {number(area[name])}" for name in names)
    labels = ("share of the others called so by mistake", "share found")
    drawing = line_chart("ROC curve", said, lines, labels, SHARE, SHARE, "rise")
    caption = "At every threshold, what is found and what is called so by mistake. A guess lies on the dashed line."
    caption += _of(names, found)
    legend = [f"{name} (area {number(area[name])})" for name in names]
    return chart_card("ROC curve", caption, drawing, ("class", "false alarms", "found", "threshold"), rows, legend)


def _precision(found: Interpretation) -> Html:
    names = _names(found, "precision_recall")
    if not names:
        return Html("")
    lines, rows = [], []
    for name in names:
        part = found.precision_recall.filter(found.precision_recall["name"] == name)
        lines.append(LineMark(name, part["recall"].to_numpy(), part["precision"].to_numpy()))
        rows += list(part.iter_rows())
    mean = dict(zip(found.per_class["name"], found.per_class["average_precision"], strict=True))
    said = "; ".join(f"{name}: average precision {number(mean[name])}" for name in names)
    legend = [f"{name} (average {number(mean[name])})" for name in names]
    drawing = line_chart(
        "Precision and recall", said, lines, ("recall: share found", "precision: share right"), SHARE, SHARE
    )
    caption = f"How many of the rows called so are right, as more and more of them are to be found.{_of(names, found)}"
    return chart_card(
        "Precision and recall", caption, drawing, ("class", "recall", "precision", "threshold"), rows, legend
    )


def _reliability(found: Interpretation) -> Html:
    table = found.reliability
    if not table.height or found.ece is None:
        return Html("")
    x, y, low, high = (table[each].to_numpy() for each in ("probability", "share", "share_low", "share_high"))
    sure = float(np.average(x - y, weights=table["rows"].to_numpy()))
    what = f"of {found.classes[1]}" if len(found.classes) == 2 and found.task == "classification" else "of its answer"
    said = f"On average the probabilities are off by {100 * found.ece:.1f} points of a hundred (expected calibration error)"
    if found.ece_chance is not None:
        is_noise = found.ece <= found.ece_chance
        said += f"; by chance alone it may be {100 * found.ece_chance:.1f} on so many rows"
        said += ", so nothing is wrong" if is_noise else ""
        if not is_noise and len(found.classes) > 2 and found.task == "classification":
            said += f", so the model is too {'sure' if sure > 0 else 'unsure'}"
    said += "."
    line = LineMark("share", x, y, dots=True, low=low, high=high)
    drawing = line_chart(
        "Calibration", said, [line], (f"probability {what}", "share that came true"), SHARE, SHARE, "rise"
    )
    caption = f"Of the rows with a probability of about 80 %, 80 % should come true: the dashed line. {said}"
    head = ("from", "to", "mean probability", "share that came true", "low", "high", "rows")
    return chart_card("Calibration", caption, drawing, head, list(table.iter_rows()))


def _thresholds(found: Interpretation) -> Html:
    names = list(dict.fromkeys(found.thresholds["name"].to_list()))
    if len(names) != 1:
        return Html("")
    table, costs = found.thresholds, list(found.costs.iter_rows(named=True))
    x = table["threshold"].to_numpy()
    lines = [LineMark(name, x, table[name].to_numpy()) for name in ("precision", "recall", "f1")]
    best = table.row(int(np.nanargmax(table["f1"].fill_null(0.0).to_numpy())), named=True)
    told = [each for each in costs if each["ratio"] in (0.2, 5.0)]
    said = f"F1 is best ({number(best['f1'])}) with a threshold of {best['threshold']:.2f}."
    for each in told:
        dear = "a missed one costs five false alarms" if each["ratio"] > 1 else "a false alarm costs five missed ones"
        said += f" If {dear}, {each['threshold']:.2f} is cheapest."
    y = ends_of(*(each.y for each in lines), room=0.06)
    labels = (f"called {names[0][:16]} from this probability on", "score")
    drawing = line_chart("Threshold", said, lines, labels, SHARE, y)
    caption = f"{said} The thresholds were chosen on these rows, so other rows will do a little worse."
    head = ("cost of a missed one, in false alarms", "best threshold", "cost per row", "cost per row at 0.5")
    by_cost = numbers_table("Best thresholds by cost", head, [tuple(each.values())[1:] for each in costs])
    card = chart_card("Where to draw the line", caption, drawing,
                      ("threshold", "precision", "recall", "F1", "false alarms, share of rows", "missed, share of rows"),
                      [row[1:] for row in table.iter_rows()], ("precision", "recall", "F1"))  # fmt: skip
    folded = tag("details", tag("summary", "The cheapest threshold for your costs"), by_cost)
    return Html(card.removesuffix("</figure>") + folded + "</figure>")

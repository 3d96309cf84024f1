"""Charts about where a model errs and on what it relies: segments, importance, partial dependence, the worst rows."""

import numpy as np

from fallline.drawing.markup import Html, join, tag
from fallline.drawing.words import shortened
from fallline.interpretation import Interpretation
from fallline.report.chart_card import chart_card, numbers_table
from fallline.report.charts import LETTERS, BarMark, LineMark, bar_chart, ends_of, line_chart

BARS = 12  # most bars of a chart


def reasons_figures(found: Interpretation) -> list[Html]:
    """The charts that apply."""
    return [each for each in (_importance(found), *_dependence(found), _segments(found)) if each]


def error_word(found: Interpretation) -> str:
    """What an error is, in words."""
    if found.task != "regression":
        return "share of wrong rows"
    return "mean absolute error" if len(found.targets_named) == 1 else "mean error in standard deviations"


def _importance(found: Interpretation) -> Html:
    rows = list(found.importance.iter_rows(named=True))
    if not rows:
        return Html("")
    bars = [
        BarMark(row["column"], row["loss"], row["loss"] - 1.96 * row["loss_error"], row["loss"] + 1.96 * row["loss_error"],
            strong=row["loss"] > 1.96 * row["loss_error"])
        for row in rows[:BARS]
    ]  # fmt: skip
    told = sum(row["loss"] > 1.96 * row["loss_error"] for row in rows)
    said = f"{told:,} of {len(rows):,} columns matter by more than noise."
    drawing = bar_chart("Importance of the columns", said, bars, "rise of the loss")
    caption = (
        "How much worse the model gets when the cells of one column are shuffled among the rows, so that the column says "
        f"nothing. Grey bars are within the noise. Columns that go together can stand in for each other. {said}"
    )
    head = ("column", "features", "rise of the loss", "±", f"rise of the {error_word(found)}", "±")
    return chart_card("What the model relies on", caption, drawing, head, [tuple(row.values()) for row in rows])


def _dependence(found: Interpretation) -> list[Html]:
    cards = []
    for name in dict.fromkeys(found.dependence["column"].to_list()):
        part = found.dependence.filter(found.dependence["column"] == name)
        answers = list(dict.fromkeys(part["answer"].to_list()))
        is_number = part["place"].null_count() == 0
        unit = "mean prediction" if found.task == "regression" else "mean probability"
        if len(answers) == 1 and found.task != "regression":
            unit += f" of {answers[0] if len(answers[0]) < 16 else 'it'}"
        rows = [
            (row["place"] if is_number else row["label"], row["answer"], row["value"])
            for row in part.iter_rows(named=True)
        ]
        said = f"The answer if every row had this value of {name}, and everything else stayed as it is."
        if is_number:
            parts = [(each, part.filter(part["answer"] == each)) for each in answers]
            lines = [LineMark(each, own["place"].to_numpy(), own["value"].to_numpy()) for each, own in parts]
            drawing = line_chart(f"Partial dependence on {name}", said, lines, (name[:30], unit), ends_of(*(e.x for e in lines)),
                                 ends_of(*(e.y for e in lines), room=0.1))  # fmt: skip
            cards.append(
                chart_card(f"How the answer changes with {name}", said, drawing, (name, "answer", unit), rows, answers)
            )
        elif len(answers) == 1:
            bars = [BarMark(str(row[0]), float(row[2])) for row in rows]
            drawing = bar_chart(f"Partial dependence on {name}", said, bars, unit)
            cards.append(chart_card(f"How the answer changes with {name}", said, drawing, (name, "answer", unit), rows))
        else:
            table = numbers_table(f"Partial dependence on {name}", (name, "answer", unit), rows)
            cards.append(tag("figure", tag("figcaption", tag("h3", f"How the answer changes with {name}"), tag("p", said)),
                             table, class_="card drawn"))  # fmt: skip
    return cards


def _segments(found: Interpretation) -> Html:
    rows = list(found.segments.iter_rows(named=True))
    if not rows:
        return Html("")
    marked = [row for row in rows if row["differs"]]
    others = sorted((row for row in rows if not row["differs"]), key=lambda row: (row["p"], -abs(row["difference"])))
    shown = [*sorted(marked, key=lambda row: -row["difference"]), *others][:BARS]
    error = float(np.average([row["error"] for row in rows], weights=[row["rows"] for row in rows]))
    said = f"{len(marked) or 'None'} of {len(rows):,} parts of the table differ from the rest by more than noise."
    bars = [
        BarMark(_segment(row["column"], row["segment"]), row["error"], row["low"], row["high"], row["differs"])
        for row in shown
    ]
    drawing = bar_chart("Errors by segment", said, bars, error_word(found), is_dot=True, mark=error)
    few = " Only these are in colour; so many parts are compared that a few stick out by chance." if marked else ""
    caption = (
        "Each dot is the rows of one value of a column, or of one part of its range, with a 95 % interval. The dashed line is "
        f"the mean. {said}{few}"
    )
    head = (
        "column",
        "value",
        "rows",
        error_word(found),
        "low",
        "high",
        "elsewhere",
        "differs",
        "p, all parts together",
    )
    listed = [
        (
            row["column"],
            row["segment"],
            row["rows"],
            row["error"],
            row["low"],
            row["high"],
            row["rest"],
            row["differs"],
            row["p"],
        )
        for row in [*marked, *others][:60]
    ]
    return chart_card("Where it errs more than elsewhere", caption, drawing, head, listed)


def _segment(column: str, name: str) -> str:
    """The name of a segment that fits beside its bar: the column is cut before the value is."""
    return f"{shortened(column, max(LETTERS - 2 - len(name), LETTERS // 3))}: {name}"


def worst_card(found: Interpretation) -> Html:
    """The rows of the largest loss, as pictures if they are images."""
    rows = list(found.worst.iter_rows(named=True))
    if not rows:
        return Html("")
    pictures = [row for row in rows if (row["picture"] or "").startswith("data:image/png;base64,")]
    source = rows[0]["source"].replace("_", " ")
    named = any(row["name"] for row in rows)
    counted = (
        "Rows have the names of their files" if named else f"Rows are counted from 0, the first row of the {source}"
    )
    caption = f"{counted}. A wrong label shows here first."
    head = ["row", "true", "predicted", "probability of the true class", "loss"]
    listed = [
        [row["name"] or f"{row['row']:,}", row["true"], row["predicted"], row["probability"], row["loss"]]
        for row in rows
    ]
    if all(row["probability"] is None for row in rows):
        head, listed = [*head[:3], head[4]], [[*each[:3], each[4]] for each in listed]
    table = numbers_table("Worst rows", head, listed)
    shown = Html("")
    if pictures:
        shown = tag("ul", *(_picture(row) for row in pictures), class_="wrong")
        table = tag("details", tag("summary", "The numbers"), table)
    head_of = tag("figcaption", tag("h3", "The worst rows"), tag("p", caption))
    return tag("figure", head_of, join([shown, table]), class_="card drawn whole")


def _picture(row: dict[str, object]) -> Html:
    name = row["name"] or f"row {row['row']}"
    said = f"{name}: true {row['true']}, predicted {row['predicted']}"
    image = Html(tag("img", src=row["picture"], alt=said, width="84", height="84").removesuffix("</img>"))
    probability = row["probability"]
    more = f", {_percent(probability)} for {row['true']}" if isinstance(probability, float) else ""
    file = tag("small", str(row["name"])) if row["name"] else Html("")
    return tag("li", image, f"{row['true']}, called {row['predicted']}{more}", file)


def _percent(probability: float) -> str:
    return "under 0.1 %" if probability < 1e-3 else f"{100 * probability:.1f} %"

"""The sections of a report about predictions and about the columns of the table."""

from fallline.drawing.markup import Html, heading, join, tag
from fallline.drawing.words import NOTHING
from fallline.interpretation import Interpretation
from fallline.interpretation.words import SPLITS
from fallline.report.chart_card import cards
from fallline.report.charts import small_histogram
from fallline.report.class_figures import class_figures
from fallline.report.number_figures import number_figures
from fallline.report.reasons_figures import reasons_figures, worst_card
from fallline.report.requested_figures import requested_figures

COLUMNS = 40  # most columns with a histogram
SHOWN = 20  # columns that are not folded away
LISTED = 200


def predictions_text(found: Interpretation | str | None) -> Html:
    """What the answers for unseen rows look like; nothing without an interpretation."""
    if not isinstance(found, Interpretation):
        return Html("")
    own = number_figures(found) if found.task == "regression" else class_figures(found)
    parts = [*own, *reasons_figures(found), *requested_figures(found), worst_card(found)]
    about = f"All of this is about the {found.rows:,} {SPLITS[found.split]} rows."
    return join([tag("h2", "Predictions"), tag("p", about, class_="still"), cards(*parts)])


def columns_text(found: Interpretation | str | None) -> Html:
    """Every column: its kind, what is missing, its spread in each split, and what was made of it."""
    if not isinstance(found, Interpretation) or not found.columns.height:
        return Html("")
    rows = list(found.columns.iter_rows(named=True))
    splits = [name for name in ("train", "valid", "test") if any(row[f"missing_{name}"] is not None for row in rows)]
    bins: dict[str, list[dict[str, object]]] = {}
    for each in found.histograms.iter_rows(named=True):
        bins.setdefault(str(each["column"]), []).append(each)
    features = sum(row["features"] or 0 for row in rows)
    used = sum(not row["dropped"] and not row["target"] for row in rows)
    said = (
        f"{used:,} columns became {features:,} features. The area and the solid line are the training rows; dashes are the "
        "validation rows, dots the test rows: they should look alike."
    )
    head = ("column", "spread", "missing", "kind", "what was made of it")
    body = [_line(row, splits, bins.get(row["name"], []), k < COLUMNS) for k, row in enumerate(rows[:LISTED])]
    first, rest = body[:SHOWN], body[SHOWN:]
    table = tag("table", tag("thead", heading(head)), tag("tbody", *first), class_="columns")
    if rest:
        folded = tag("table", tag("thead", heading(head)), tag("tbody", *rest), class_="columns")
        table = join([table, tag("details", tag("summary", f"{len(rest):,} more columns"), folded)])
    more = f"{len(rows) - LISTED:,} more columns are in interpretation.json." if len(rows) > LISTED else ""
    return join(
        [
            tag("h2", "Columns"),
            tag("p", said, class_="still"),
            tag("div", table, class_="card wide drawn", tabindex="0", role="region", aria_label="Columns"),
            tag("p", more, class_="still") if more else "",
        ]
    )


def _line(row: dict[str, object], splits: list[str], bins: list[dict[str, object]], is_drawn: bool) -> Html:
    kind = ", ".join(str(each) for each in (row["kind"], row["format"]) if each)
    name = f"{row['name']} (target)" if row["target"] else row["name"]
    made = row["treatment"] or "used as it is"
    shown = _histogram(str(row["name"]), bins, splits) if bins and is_drawn else Html("")
    return tag(
        "tr", tag("th", name, scope="row"), tag("td", shown, class_="mini"), tag("td", _missing(row, splits)),
        tag("td", kind or NOTHING), tag("td", made),
    )  # fmt: skip


def _missing(row: dict[str, object], splits: list[str]) -> str:
    shares = {name: share for name in splits if isinstance(share := row[f"missing_{name}"], float)}
    if not shares:
        return NOTHING
    if not any(shares.values()):
        return "none"
    return ", ".join(f"{100 * share:.2g} % {SPLITS[name]}" for name, share in shares.items())


def _histogram(name: str, bins: list[dict[str, object]], splits: list[str]) -> Html:
    """A small histogram with the training rows' values behind it."""
    from fallline.drawing.svg import to_svg

    shares = [(name, [float(each[name] or 0.0) for each in bins]) for name in splits]  # type: ignore[arg-type]
    shares = [each for each in shares if any(each[1])]
    said = "; ".join(f"{each['label']}: {100 * float(each['train'] or 0):.0f} %" for each in bins)  # type: ignore[arg-type]
    drawn = to_svg(small_histogram(shares), "page")
    inner = drawn[drawn.index("</desc>") + len("</desc>") : drawn.rindex("</svg>")]
    small = Html(f'<svg viewBox="0 0 150 44" aria-hidden="true">{inner}</svg>')  # its values are beside it as text
    return join([small, tag("details", tag("summary", "values", aria_label=f"values of {name}"), said)])

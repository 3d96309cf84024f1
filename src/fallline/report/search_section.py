"""The section of a report about the search that found the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fallline.core.reading import read_json
from fallline.core.shape import Mapping as Table
from fallline.core.shape import Plain
from fallline.drawing.figure import Figure
from fallline.drawing.markup import Html, heading, join, tag
from fallline.drawing.words import NOTHING, duration, metric_label, value_of
from fallline.report.search_figures import search_figures
from fallline.report.shapes import check_search

STUDY = "study.json"


def read_search(folder: Path) -> tuple[dict[str, Any], list[Figure]] | None:
    """Reads the summary of a run's search, with its figures; None if there was no search.

    Raises: FalllineError if the file is damaged.
    """
    path = folder / STUDY
    if not path.exists():
        return None
    what, remedy = f"study {str(path)!r}", "remove it, or search again"
    search = read_json(path, Table(Plain()), what, remedy)
    check_search(search, what, remedy)
    return search, search_figures(search)


def search_text(search: Mapping[str, Any]) -> Html:
    """The text of the section: cards, a line per hyperparameter, and remarks."""
    monitor, best = search["monitor"], search["best"]
    outcomes = [each["outcome"] for each in search["trials"]]
    ends = [(word, outcomes.count(word)) for word in ("diverged", "pruned")]
    error = "" if best["error"] is None else f" ± {value_of(monitor, best['error'])} over folds and seeds"
    cards = [
        _card(
            f"Best validation {metric_label(monitor)}",
            value_of(monitor, best["score"]),
            f"trial {best['trial']}{error}",
        ),
        _card("Trials", f"{len(outcomes):,}", ", ".join(f"{n} {word}" for word, n in ends if n) or "all finished"),
        _card("Search", duration(search["seconds"]), "of wall-clock"),
    ]
    if search["nested"] is not None:
        nested = search["nested"]
        name = monitor if monitor in nested["mean"] else next(iter(nested["mean"]))
        spread = f"± {value_of(name, nested['error'][name])} over {len(nested['folds'])} outer folds"
        cards.append(_card(f"Nested {metric_label(name)}", value_of(name, nested["mean"][name]), spread))
    head = ("hyperparameter", "best", "importance", "loses at most 1 % of the score")
    lines = [
        tag("tr", tag("th", each["name"], scope="row"), *(tag("td", cell) for cell in _cells(each, best["values"])))
        for each in sorted(search["hyperparameters"], key=lambda each: -(each["importance"] or 0.0))
    ]
    table = tag("table", tag("thead", heading(head)), tag("tbody", *lines))
    # Summaries of earlier versions have no comparison with the default.
    ensemble = search.get("ensemble", {}).get("sentence")
    said = [each for each in (ensemble, search.get("default"), *search["edges"], search["outlook"]) if each]
    notes = tag("ul", *(tag("li", f"{each[:1].upper()}{each[1:]}.") for each in said)) if said else Html("")
    return join(
        [
            tag("section", *cards, class_="cards even"),
            tag("div", table, class_="card wide sensitivity"),
            tag("section", notes, class_="card") if said else Html(""),
        ]
    )


def _cells(each: Mapping[str, Any], best: Mapping[str, Any]) -> tuple[str, str, str]:
    share, card, value = each["importance"], each["sensitivity"], best.get(each["name"])
    shown = f"{value:.3g}" if isinstance(value, float) else NOTHING if value is None else str(value)
    return shown, NOTHING if share is None else f"{share:.0%}", NOTHING if card is None else card["sentence"]


def _card(label: str, value: str, more: str) -> Html:
    return tag(
        "div", tag("div", label, class_="label"), tag("div", value, class_="value"), tag("div", more, class_="more"),
        class_="card",
    )  # fmt: skip

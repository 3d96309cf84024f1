"""The report: a finished run as one HTML page that needs no network."""

from pathlib import Path
from typing import Any

from fallline.core.files import write_atomically
from fallline.core.nested import dotted
from fallline.drawing.figure import Figure
from fallline.drawing.markup import Html, heading, join, tag
from fallline.drawing.words import NOTHING, duration, metric_label, metric_title, number, value_of
from fallline.report.document import document, figure_card
from fallline.report.finished import Finished, read_finished
from fallline.report.search_section import read_search, search_text
from fallline.report.why_section import read_diagnosis, why_figures, why_text
from fallline.training.curves import curves_of

NAME = "report.html"
CLASSES = 100  # most classes shown by name
_SPLITS = {"test": "test", "out_of_fold": "out of fold", "valid": "validation", "train": "training"}
_OUTCOMES = {
    "finished": "finished",
    "stopped_early": "stopped early",
    "diverged": "diverged",
    "interrupted": "interrupted",
}
_IN_UNIT = ("rmse", "mae")  # metrics in the unit of the target


def write_report(folder: Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    Raises: FalllineError if it is not the folder of a finished run, or cannot be written to.
    """
    path = Path(folder) / NAME
    write_atomically(path, report(folder).encode("utf-8", "replace"))
    return path


def report(folder: Path) -> str:
    """A finished run's page, with everything inlined, all names and values escaped, and only its own scripts allowed.

    Raises: FalllineError if it is not the folder of a finished run.
    """
    from fallline.interpretation.document import read_interpretation  # here: these import NumPy and JAX
    from fallline.report.predictions_section import columns_text, predictions_text
    from fallline.report.scores_section import scores_text

    run = read_finished(folder)
    name = _text(run.summary["data"].get("name")) or "unnamed data"
    figures = curves_of(run.history, run.summary)
    drawn = [each for each in figures if not each.all_zero]
    search = read_search(run.folder)
    diagnosis = read_diagnosis(run.folder)
    found = read_interpretation(run.folder)
    pictures = why_figures(diagnosis, run.history)
    shown = [*drawn, *(search[1] if search else [])]
    body = tag(
        "main",
        _header(run, name),
        _cards(run),
        _notes(run.summary["notes"]),
        scores_text(found),
        why_text(diagnosis, len(shown), pictures),
        _search(search, len(drawn)),
        predictions_text(found),
        columns_text(found),
        _curves(figures, drawn),
        tag("h2", "Metrics"),
        tag("div", _metrics(run.summary), _classes(run.summary["data"]), class_="pair"),
        tag("h2", "Recipe"),
        _recipe(run),
    )
    return document(f"{name} · Fallline", body, [*shown, *pictures])


def _header(run: Finished, name: str) -> Html:
    data, outcome = run.summary["data"], run.summary["outcome"]
    sentence = run.summary["sentence"]
    over = f"{_text(data.get('task'))} of {_names(data.get('target'))} from {number(data.get('features'))} features"
    return tag(
        "header",
        tag("p", "Fallline run ", run.folder.resolve().name, class_="over"),
        tag("h1", name),
        tag("p", over[:1].upper() + over[1:], class_="over"),
        tag(
            "div",
            tag("span", _OUTCOMES.get(outcome, outcome), class_=f"badge {outcome if outcome in _OUTCOMES else ''}"),
            tag("p", sentence[:1].upper() + sentence[1:] + "."),
            class_="outcome",
        ),
    )


def _cards(run: Finished) -> Html:
    summary = run.summary
    splits, data = summary["metrics"], summary["data"]
    rows = data["rows"]
    shown = [each for each in _SPLITS if splits.get(each)] or ["test"]
    shown = [*shown, *(each for each in _SPLITS if each not in shown and each != "out_of_fold")][:2]
    metric = next((name for name in splits.get(shown[0], {}) if name != "loss"), "loss")
    cards = []
    for place, split in enumerate(shown):
        of = f"on {number(rows[split])} rows" if splits.get(split) else "no rows were set aside"
        unit = f"in the unit of {_names(data.get('target'))}, {of}" if metric in _IN_UNIT and not place else of
        label = f"{_SPLITS[split].capitalize()} {metric_label(metric)}"
        value = value_of(metric, splits.get(split, {}).get(metric))
        cards.append(_card(label, value, unit, "card" if place else "card head"))
    planned = number(run.plan.recipe.epochs)
    setup = summary.get("setup_seconds")
    known = " / ".join(number(rows.get(each)) for each in ("train", "valid", "test"))
    total = sum(rows[each] for each in ("train", "valid", "test") if isinstance(rows.get(each), int))
    scaling = summary.get("scaling")
    if isinstance(scaling, dict) and "components" in scaling:
        more = f"of {number(scaling.get('of'))}: {value_of('explained', scaling.get('explained'))} of the variance"
        cards.append(_card("Components", number(scaling["components"]), more))
    if "members" in summary:
        members = summary["members"]
        cards.append(_card("Members", number(len(members["each"])), "whose answers are averaged"))
    cards += [
        _card("Epochs", number(summary.get("epochs")), f"of {planned} planned, {number(summary.get('steps'))} steps"),
        _card("Best epoch", number(summary.get("best_epoch")), "whose parameters are kept"),
        _card("Time", duration(summary.get("seconds")), f"{duration(setup)} of it to start and compile"),
        _card("Rows", number(total), f"{known} training / validation / test"),
        _card("Seed", str(summary.get("seed", NOTHING)), "of weights and order"),
    ]
    return tag("section", *cards, class_="cards")


def _card(label: str, value: str, more: str, class_: str = "card") -> Html:
    return tag(
        "div",
        tag("div", label, class_="label"),
        tag("div", value, class_="value"),
        tag("div", more, class_="more"),
        class_=class_,
    )


def _notes(notes: list[Any]) -> Html:
    if not notes:
        return Html("")
    lines = [tag("li", _text(each)) for each in notes]
    return tag("section", tag("h2", "Worth knowing"), tag("ul", *lines), class_="card notes")


def _curves(figures: list[Figure], drawn: list[Figure]) -> Html:
    if not figures:
        return join([tag("h2", "Curves"), tag("p", "No epoch was trained, so there are no curves.", class_="card")])

    def where(figure: Figure) -> str:
        return "in every layer and epoch" if any(one.role == "layer" for one in figure.series) else "in every epoch"

    still = [f"{each.title}: 0 {where(each)}." for each in figures if each.all_zero]
    return join(
        [
            tag("h2", "Curves"),
            tag("section", *(figure_card(each, place) for place, each in enumerate(drawn)), class_="figures"),
            tag("p", " ".join(still), class_="still") if still else Html(""),
        ]
    )


def _search(search: tuple[dict[str, Any], list[Figure]] | None, first: int) -> Html:
    if search is None:
        return Html("")
    said, figures = search
    cards = [figure_card(each, first + place) for place, each in enumerate(figures)]
    return join([tag("h2", "The search that found it"), search_text(said), tag("section", *cards, class_="figures")])


def _metrics(summary: dict[str, Any]) -> Html:
    splits = [each for each in ("train", "valid", "out_of_fold", "test") if each in summary["metrics"]]
    alone = summary.get("members", {}).get("mean_metrics", {})
    beside = [each for each in ("valid", "test") if alone.get(each)]  # means over the members alone
    names = dict.fromkeys(name for split in splits for name in summary["metrics"][split])
    lines = [
        tag(
            "tr",
            tag("th", metric_title(name), scope="row"),
            *(tag("td", value_of(name, summary["metrics"][split].get(name))) for split in splits),
            *(tag("td", value_of(name, alone[split].get(name))) for split in beside),
        )
        for name in names
    ]
    head = ["", *(_SPLITS[split] for split in splits), *(f"{_SPLITS[split]}, one member" for split in beside)]
    table = tag("table", tag("thead", heading(head)), tag("tbody", *lines), class_="metrics")
    return tag("div", table, class_="card wide", tabindex="0", role="region", aria_label="Metrics")


def _classes(data: dict[str, Any]) -> Html:
    classes = data.get("classes")
    if not isinstance(classes, list) or not classes:
        return Html("")
    shown = [tag("li", _text(each)) for each in classes[:CLASSES]]
    if len(classes) > CLASSES:
        shown.append(tag("li", f"and {len(classes) - CLASSES:,} more"))
    title = f"{len(classes):,} classes of {_names(data.get('target'))}"
    return tag("div", tag("p", title, class_="over"), tag("ul", *shown, class_="classes"), class_="card")


def _recipe(run: Finished) -> Html:
    from fallline.training.recipe import recipe_to_plain

    plain = {**recipe_to_plain(run.plan.recipe), "data": run.plan.data, "seed": run.plan.seed}
    lines = [tag("div", tag("dt", path), tag("dd", value)) for path, value in sorted(dotted(plain))]
    return tag(
        "section",
        tag("dl", *lines, class_="settings"),
        tag(
            "details",
            tag("summary", "As TOML"),
            tag("pre", run.recipe_text, tabindex="0", role="region", aria_label="The recipe as TOML"),
        ),
        class_="card",
    )


def _names(names: object) -> str:
    given = [_text(each) for each in names] if isinstance(names, list) else []
    listed = ", ".join(f"“{each}”" for each in given[:3])
    return listed + (f" and {len(given) - 3} more" if len(given) > 3 else "") or "the target"


def _text(value: object) -> str:
    return "" if value is None else str(value)

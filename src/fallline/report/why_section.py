"""The section of a report that says why a run went as it went: its findings by importance, each with its small picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.core.reading import read_json
from fallline.core.shape import Entries, Flag, Listed, Plain, Real, Text, Whole, maybe
from fallline.core.shape import Mapping as Table
from fallline.drawing.curves import Role, Series
from fallline.drawing.figure import Figure
from fallline.drawing.markup import Html, join, tag
from fallline.drawing.words import number
from fallline.report.document import plot_of

if TYPE_CHECKING:
    from fallline.training.history import History

NAME = "diagnosis.json"
MOST = 6  # most findings with a card of their own
_FINDING = Entries(
    {"name": Text(), "title": Text(), "evidence": Text(), "cause": Text(), "confidence": Real(0.0, 1.0), "advice": Text(),
     "epoch": maybe(Whole(0)), "columns": Listed(Text()), "explained_by": Text(),
     "remedies": Listed(Entries({"name": Text()}, open=True))},
    open=True,
)  # fmt: skip
_TRIED = Entries(
    {"sentence": Text(), "measure": Text(),
     "tried": Listed(Entries({"name": Text(), "verdict": Text(), "gain": maybe(Real()), "error": maybe(Real()),
                              "epochs": maybe(Real())}, open=True))},
    open=True,
)  # fmt: skip
_SHAPE = Entries(
    {"healthy": Flag(), "findings": Listed(_FINDING), "explained": Listed(_FINDING), "checked": Listed(Text()),
     "bill": maybe(Text()), "skills": Table(maybe(Real()))},
    {"tried": maybe(_TRIED), "subjects": Table(Listed(Text())), "unseen": Listed(Text()), "run": Plain()},
    open=True,
)  # fmt: skip


def read_diagnosis(folder: Path) -> dict[str, Any] | None:
    """Reads the diagnosis of a run; None if there is none.

    Raises: FalllineError if the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    found: dict[str, Any] = read_json(
        path, _SHAPE, f"diagnosis {str(path)!r}", "remove it, or run `fallline doctor` again"
    )
    return found


def why_figures(diagnosis: Mapping[str, Any] | None, history: "History") -> list[Figure]:
    """The small picture of every finding that has columns in the history."""
    if diagnosis is None:
        return []
    return [figure for each in diagnosis["findings"][:MOST] if (figure := _picture(each, history)) is not None]


def _picture(finding: Mapping[str, Any], history: "History") -> Figure | None:
    columns = [name for name in finding["columns"] if name in history.columns]
    roles: dict[str, Role] = {"train_loss": "train", "valid_loss": "valid"}
    series = tuple(
        Series(name.replace("_", " "), *_points(history, name), roles.get(name, "layer")) for name in columns
    )
    series = tuple(each for each in series if any(value is not None for value in each.y))
    if not series:
        return None
    values = [value for each in series for value in each.y if value is not None]
    epoch = finding["epoch"]
    mark = (float(epoch), f"epoch {epoch}") if epoch and len(series[0].x) > 1 else None
    log = min(values) > 0 and max(values) / min(values) > 20
    label = columns[0].rpartition(".")[2].replace("_", " ") if len(columns) == 1 else "value"
    return Figure(finding["title"], "", "epoch", label, series, log_y=log, mark=mark)


def _points(history: "History", name: str) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
    values = [float(each) for each in history[name].tolist()]
    step = max(1, len(values) // 400)
    x = tuple(float(each) for each in history["epoch"].tolist())[::step]
    return x, tuple(float(f"{each:.6g}") if each - each == 0 else None for each in values)[::step]


def why_text(diagnosis: Mapping[str, Any] | None, first: int, pictures: Sequence[Figure]) -> Html:
    """The section; `first` is the number of the first picture on the page."""
    if diagnosis is None:
        return Html("")
    if diagnosis["healthy"]:
        text = diagnosis["bill"] or "Nothing was found."
        return join(
            [tag("h2", "Why"), tag("section", tag("p", text), _checked(diagnosis), class_="card"), _skills(diagnosis)]
        )
    plots = {each.title: plot_of(each, first + place) for place, each in enumerate(pictures)}
    cards = [_card(each, plots.get(each["title"])) for each in diagnosis["findings"][:MOST]]
    more = [
        f"{each['title']} (follows from {each['explained_by'].replace('_', ' ')})" for each in diagnosis["explained"]
    ]
    more += [each["title"] for each in diagnosis["findings"][MOST:]]
    return join(
        [
            tag("h2", "Why"),
            tag("section", *cards, class_="figures"),
            tag("p", f"Also seen: {'; '.join(more)}.", class_="still") if more else Html(""),
            _skills(diagnosis),
            _tried(diagnosis.get("tried")),
        ]
    )


def _checked(diagnosis: Mapping[str, Any]) -> Html:
    """What was checked and what could not be, by subject; nothing for files of versions that list no subjects."""
    subjects = diagnosis.get("subjects") or {}
    lines = [_subject(name, titles) for name, titles in subjects.items()]
    if lines and diagnosis.get("unseen"):
        lines.append(_subject("not judged, for want of evidence", diagnosis["unseen"]))
    return tag("dl", *lines, class_="checked") if lines else Html("")


def _subject(name: str, titles: Sequence[str]) -> Html:
    return join([tag("dt", name[:1].upper() + name[1:]), tag("dd", "; ".join(titles))])


def _card(finding: Mapping[str, Any], plot: Html | None) -> Html:
    title = finding["title"][:1].upper() + finding["title"][1:]
    remedies = ", ".join(each["name"] for each in finding["remedies"])
    lines = [finding["evidence"], finding["cause"], f"To try: {remedies}." if remedies else "", finding["advice"]]
    head = tag("figcaption", tag("h3", title), *(tag("p", each) for each in lines if each))
    return tag("figure", head, plot or "", class_="card")


def _skills(diagnosis: Mapping[str, Any]) -> Html:
    known = {name: value for name, value in diagnosis["skills"].items() if value is not None}
    if len(known) < 2:
        return Html("")
    said = ", ".join(f"{name} {value:.3f}" for name, value in known.items())
    return tag("p", f"Skill beside simple models (1 is perfect, 0 is a constant answer): {said}.", class_="still")


def _tried(tried: Mapping[str, Any] | None) -> Html:
    if tried is None:
        return Html("")
    head = tag(
        "tr", *(tag("th", each, scope="col") for each in ("change", "verdict", f"gain in {tried['measure']}", "epochs"))
    )
    lines = [
        tag("tr", tag("th", each["name"], scope="row"), tag("td", each["verdict"]),
            tag("td", f"{number(each['gain'])} ± {number(each['error'])}"), tag("td", number(each["epochs"])))
        for each in tried["tried"]
    ]  # fmt: skip
    table = tag("table", tag("thead", head), tag("tbody", *lines))
    return join(
        [
            tag("h2", "Remedies that were tried"),
            tag("p", tried["sentence"], class_="card"),
            tag("div", table, class_="card wide"),
        ]
    )

"""A model card: a page of Markdown for the people who are to use a model."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fallline.core.files import write_atomically
from fallline.drawing.words import NOTHING, metric_title, number, value_of
from fallline.interpretation import Interpretation
from fallline.interpretation.document import read_interpretation
from fallline.interpretation.words import SPLITS
from fallline.report.finished import Finished, read_finished
from fallline.report.reasons_figures import error_word
from fallline.report.scores_section import score_rows

CLASSES = 20  # most classes that are named
COLUMNS = 40
_SPECIAL = re.compile(r"([\\`*_\[\]|<>~&$])")


def write_card(folder: Path, path: Path) -> Path:
    """Write the card of a run as Markdown, and return its path.

    Raises: FalllineError if it is not the folder of a finished run, or the file cannot be written.
    """
    write_atomically(path, card(folder).encode("utf-8", "replace"))
    return path


def card(folder: Path) -> str:
    """What a model predicts, from what, how well, where it is weak, and how to repeat it.

    Raises: FalllineError if it is not the folder of a finished run.
    """
    run = read_finished(folder)
    found = read_interpretation(run.folder)
    said = found if isinstance(found, Interpretation) else None
    parts = [
        f"# Model card: {plain(_text(run.summary['data'].get('name')) or 'a model')}",
        *_purpose(run),
        *_data(run, said),
        *_scores(run, said),
        *_limits(run, said),
        *_repeat(run),
    ]
    return "\n\n".join(parts) + "\n"


def plain(text: object) -> str:
    """Text in which nothing is taken for Markdown or HTML.

    >>> print(plain("a*b <img>"))
    a\\*b \\<img\\>
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def _purpose(run: Finished) -> list[str]:
    data = run.summary["data"]
    targets = ", ".join(plain(each) for each in data.get("target") or []) or "the target"
    classes = data.get("classes") or []
    listed = ", ".join(plain(each) for each in classes[:CLASSES]) + (" and more" if len(classes) > CLASSES else "")
    what = f" It chooses among {len(classes):,} classes: {listed}." if classes else ""
    features = number(data.get("features"))
    size, ended = number(run.summary.get("parameters")), run.summary["sentence"]
    return [
        "## What it predicts",
        f"The model predicts {targets} ({plain(data.get('task') or 'task unknown')}) from {features} features.{what}",
        f"It is a neural network of {size} parameters. {plain(ended[:1].upper() + ended[1:])}.",
    ]


def _data(run: Finished, found: Interpretation | None) -> list[str]:
    rows = run.summary["data"]["rows"]
    counts = ", ".join(f"{number(rows[each])} {word}" for each, word in SPLITS_IN_ORDER if each in rows)
    source = run.plan.data.get("source")
    parts = ["## Data", f"{'' if source is None else f'Source: {code(source)}. '}Rows: {counts}."]
    if found is not None and found.columns.height:
        head = ("column", "kind", "what was made of it", "missing in training")
        listed = [
            (
                row["name"] + (" (target)" if row["target"] else ""),
                row["kind"],
                row["treatment"] or "used as it is",
                _share(row),
            )
            for row in found.columns.head(COLUMNS).iter_rows(named=True)
        ]
        parts.append(markdown_table(head, listed))
        if found.columns.height > COLUMNS:
            parts.append(f"And {found.columns.height - COLUMNS:,} more columns.")
    return parts


SPLITS_IN_ORDER = tuple((name, SPLITS[name]) for name in ("train", "valid", "test"))


def _share(row: dict[str, Any]) -> str:
    share = row["missing_train"]
    return NOTHING if share is None else "none" if share == 0 else f"{100 * share:.2g} %"


def _scores(run: Finished, found: Interpretation | None) -> list[str]:
    if found is not None:
        head, rows = score_rows(found)
        return ["## Scores", markdown_table(head, rows), *(plain(each) for each in found.sentences if " rows " in each)]
    metrics = run.summary["metrics"]
    names = list(dict.fromkeys(name for each in metrics.values() for name in each))
    head = ["", *metrics]
    rows = [(metric_title(name), *(value_of(name, each.get(name)) for each in metrics.values())) for name in names]
    return ["## Scores", markdown_table(head, rows)]


def _limits(run: Finished, found: Interpretation | None) -> list[str]:
    parts = ["## Where it is weak, and what to know"]
    notes = [f"- {plain(each[:1].upper() + each[1:])}" for each in run.summary["notes"]]
    if found is None:
        return [*parts, "\n".join(notes) or "Nothing is recorded."]
    weak = found.segments.filter(found.segments["differs"] & ~found.segments["better"]).sort(
        "difference", descending=True
    )
    if weak.height:
        head = ("where", "rows", error_word(found), "95 % interval", "elsewhere")
        rows = [
            (f"{row['column']}: {row['segment']}", number(row["rows"]), number(row["error"]),
             f"{number(row['low'])} to {number(row['high'])}", number(row["rest"]))
            for row in weak.iter_rows(named=True)
        ]  # fmt: skip
        parts += [
            "It errs more than elsewhere, by more than noise, in these parts of the table:",
            markdown_table(head, rows),
        ]
    elif found.segments.height:
        parts.append(f"None of {found.segments.height:,} parts of the table differs from the rest by more than noise.")
    if found.per_class.height and found.task == "classification":
        worst = found.per_class.sort("recall", nulls_last=True).row(0, named=True)
        found_share = value_of("accuracy", worst["recall"])
        parts.append(f"The class found least often is {plain(worst['name'])}: {found_share} of its rows.")
    if found.importance.height:
        told = found.importance.filter(found.importance["loss"] > 2 * found.importance["loss_error"])[
            "column"
        ].to_list()
        listed = ", ".join(plain(each) for each in told[:8])
        parts.append(f"It relies most on {listed}." if told else "No column matters by more than noise.")
    return [*parts, *(["\n".join(notes)] if notes else [])]


def _repeat(run: Finished) -> list[str]:
    return [
        "## How to repeat it",
        f"`fallline train --recipe {run.folder.name}/recipe.toml` trains it again; its seed is {run.summary.get('seed', 0)}. "
        f"`fallline predict {run.folder.name} NEW_ROWS` uses it.",
        f"```toml\n{run.recipe_text.strip().replace('```', '` ` `')}\n```",
    ]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table of Markdown.

    >>> print(markdown_table(("a", "b"), [("x|y", 1)]))
    | a | b |
    |---|---|
    | x\\|y | 1 |
    """
    lines = [head, *rows]
    text = [f"| {' | '.join(plain(each) for each in line)} |" for line in lines]
    return "\n".join([text[0], "|" + "---|" * len(head), *text[1:]])


def code(text: object) -> str:
    """Text as code within a sentence."""
    return f"`{' '.join(str(text).split()).replace('`', chr(39))}`"


def _text(value: object) -> str:
    return "" if value is None else str(value)

"""A comparison as one HTML page: the answer, the table, the pictures."""

from pathlib import Path
from typing import Any

from fallline.core.files import write_atomically
from fallline.drawing.markup import Html, tag
from fallline.drawing.words import metric_title, rounded, value_of
from fallline.lab.compare_figures import KINDS, figure_of
from fallline.lab.compared import Compared
from fallline.lab.still_page import numbers, pictures, still_page

HEAD = ("rate", "loss", "tuned rate", "tuned loss", "{metric}", "good rates", "decades", "epochs", "best of 3")


def write_comparison(found: Compared, path: Path) -> Path:
    """Write the page of a comparison, and return its path.

    Raises: FalllineError if the file cannot be written.
    """
    write_atomically(path, comparison_page(found).encode("utf-8", "replace"))
    return path


def comparison_page(found: Compared) -> str:
    """The page of a comparison."""
    rows = [cells_of(row, found.metric) for row in found.frame.to_dicts()]
    head = [found.vary, *(each.format(metric=metric_title(found.metric)) for each in HEAD)]
    title = f"Which {found.vary.replace('_', ' ')} for {found.source}?"
    return still_page(
        title,
        tag("header", tag("p", "Fallline lab", class_="over"), tag("h1", title), tag("p", found.answer)),
        pictures({kind: figure_of(found, kind) for kind in KINDS}),
        tag("h2", "Numbers"),
        numbers(head, rows),
        *(tag("p", each, class_="over") for each in notes(found)),
    )


def cells_of(row: dict[str, Any], metric: str) -> list[str]:
    """A contender's row of the table as text."""
    name = row["contender"] + (" ★" if row["among_best"] else "")
    good = "–" if row["good_from"] is None else f"{rounded(row['good_from'])} to {rounded(row['good_to'])}"
    return [
        name,
        f"{row['default_rate']:.3g}",
        _loss(row["default_loss"], row["default_error"]),
        f"{row['tuned_rate']:.3g}{' (edge)' if row['at_edge'] else ''}",
        _loss(row["tuned_loss"], row["tuned_error"]),
        value_of(metric, row[f"tuned_{metric}"]),
        good,
        f"{row['good_decades']:.1f}",
        "–" if row["epochs_to_target"] is None else f"{row['epochs_to_target']:.0f}",
        f"{row['best_of_3']:.4g}",
    ]


def _loss(value: float | None, error: float | None) -> str:
    return "diverges" if value is None else f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"


def notes(found: Compared) -> list[Html | str]:
    """How the numbers were made."""
    rates, seeds = found.rates.shape[1], found.seeds
    return [
        f"{found.trainings:,} trainings of {found.epochs} epochs: {rates} learning rates and {seeds} seeds each. Losses are the "
        "lowest validation loss of a training, as the mean over the seeds ± standard error.",
        "A seed is judged at the rate that is best with the other seeds. ★ marks the best and what is not worse by more than "
        "the noise (differences paired by seed, 5 % for all pairs together). All were compared on one split of the rows.",
        f"Good rates lose at most {100 * found.within:g} % of the best loss. Epochs are counted to the loss {found.target:.4g}, "
        "the median of the tuned ones. Best of 3 is the expected loss of the best of three rates drawn at random from the "
        f"range; there a diverged training counts as {found.ceiling:.3g}. (edge): the best rate is at the end of the range.",
    ]

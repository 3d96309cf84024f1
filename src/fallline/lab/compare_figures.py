"""Pictures of a comparison: loss against learning rate, against epoch, and against the number of rates tried."""

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.drawing.axes import Axes
from fallline.drawing.colours import path_role
from fallline.drawing.legend import lines_above, room_below, spans
from fallline.drawing.marks import Dot, Mark, TextMark
from fallline.drawing.picture import Picture
from fallline.lab.compared import Compared

WIDTH, BOTTOM = 480, 370
RIGHT = 26  # pixels for the numbers of the lines
KINDS = ("rates", "epochs", "trials")


def figure_of(found: Compared, kind: str) -> Picture:
    """A picture of a kind.

    Raises: FalllineError for an unknown kind.
    """
    if kind not in KINDS:
        raise FalllineError(f"figure kind {kind!r} is unknown: {nearest(kind, KINDS)}")
    return {"rates": rate_figure, "epochs": epoch_figure, "trials": trial_figure}[kind](found)


def _axes(x: tuple[float, float], y: tuple[tuple[float, float], bool], log_x: bool = False) -> Axes:
    return Axes(66, 34, WIDTH - RIGHT, BOTTOM, x, y[0], log_x, y[1])


def _picture(found: Compared, title: str, said: str, axes: Axes, marks: list[Mark]) -> Picture:
    height = BOTTOM + room_below(len(found.labels))
    heading = TextMark(axes.left, 20, title, "ink", size=15, is_bold=True)
    return Picture(WIDTH, height, title, said, (*marks, heading))


def rate_figure(found: Compared) -> Picture:
    """The mean loss against the learning rate: a dot at the best rate, a cross at the contender's own."""
    middle = found.rates.shape[1] // 2
    axes = _axes((float(found.rates.min()), float(found.rates.max())), spans(found.means, found.ceiling), True)
    marks: list[Mark] = [*axes.marks("learning rate", "validation loss")]
    ways = []
    for rates, means in zip(found.rates, found.means, strict=True):
        held = np.isfinite(means)
        ways.append(axes.place(rates[held], np.clip(means[held], *axes.y)))
    marks += lines_above(found.labels, ways, axes)
    for i, (rates, means) in enumerate(zip(found.rates, found.means, strict=True)):
        for place, is_cross in ((middle, True), (int(np.argmin(means)), False)):
            if np.isfinite(means[place]):
                at = axes.place(rates[place], np.clip(means[place], *axes.y))
                marks.append(Dot(float(at[0]), float(at[1]), path_role(i), 5 if is_cross else 6, is_cross))
    said = [
        f"{row['contender']} is best at {row['tuned_rate']:.3g} and good over {row['good_decades']:.1f} decades"
        for row in found.frame.to_dicts()
    ]
    text = (
        f"{'; '.join(said)}. A dot is the best rate, a cross the own rate; rates at which a seed diverges are left out."
    )
    return _picture(found, "Loss against learning rate", text, axes, marks)


def epoch_figure(found: Compared) -> Picture:
    """The mean loss after every epoch, at the rate that is best with all seeds."""
    best = np.argmin(found.means, axis=1)
    curves = found.curves[np.arange(len(best)), best].mean(axis=1)
    axes = _axes((0.0, float(found.epochs)), spans(curves, min(found.ceiling, float(np.nanmax(curves, initial=0)))))
    marks: list[Mark] = [*axes.marks("epoch", "validation loss")]
    ways = []
    for row in curves:
        held = np.isfinite(row)
        ways.append(axes.place(np.arange(1, found.epochs + 1)[held], np.clip(row[held], *axes.y)))
    marks += lines_above(found.labels, ways, axes)
    said = [f"{row['contender']} {_reached(row['epochs_to_target'])}" for row in found.frame.to_dicts()]
    text = f"At the tuned rates, the mean over {found.seeds} seeds. To the loss {found.target:.3g}: {'; '.join(said)}."
    return _picture(found, "Loss against epoch, tuned", text, axes, marks)


def _reached(epochs: float | None) -> str:
    return "does not get there" if epochs is None else f"needs {epochs:.0f} epochs"


def trial_figure(found: Compared) -> Picture:
    """The expected best loss of n rates that are drawn at random."""
    counts = np.arange(1, found.rates.shape[1] + 1)
    best = np.stack([found.best_of(int(n)) for n in counts], axis=1)
    axes = _axes((1.0, float(counts[-1])), spans(best, float(best.max())))
    marks: list[Mark] = [*axes.marks("random rates tried", "expected best loss")]
    marks += lines_above(found.labels, [axes.place(counts, np.clip(row, *axes.y)) for row in best], axes)
    said = [
        f"{label} {row[0]:.3g} with one and {row[2]:.3g} with three"
        for label, row in zip(found.labels, best, strict=True)
    ]
    return _picture(found, "Expected best of n random rates", f"Expected loss: {'; '.join(said)}.", axes, marks)

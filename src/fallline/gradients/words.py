"""The verdict of a check in words, and its table at 80 columns."""

import math

from fallline.gradients.array import ArrayCheck, Coordinate
from fallline.gradients.verdicts import KINK

NAMED = 3  # most faulty arrays described in a verdict
WIDTH = 80


def verdict_of(arrays: tuple[ArrayCheck, ...], share: float, tolerance: float, method: str) -> str:
    """One or more sentences: whether the gradient is right, where and how it is wrong, and the limits of the check."""
    looked = sum(len(each.checked) for each in arrays)
    what = ("direction" if method == "directional" else "coordinate") + ("s" if looked != 1 else "")
    every = f"{looked:,} {what}" if share == 1.0 else f"a random {100 * share:.2g} % of the coordinates ({looked:,})"
    faulty = [each for each in arrays if each.faults]
    if faulty:
        text = "The gradient is wrong. " + " ".join(_fault(each) for each in faulty[:NAMED])
        if len(faulty) > NAMED:
            others = len(faulty) - NAMED
            text += f" {others} other {'arrays are' if others > 1 else 'array is'} wrong as well."
        good = [each.name for each in arrays if not each.faults]
        return text + (f" Right: {_listed(good)}." if good else "")
    worst = max((each.worst for each in arrays), key=lambda each: each.relative_error)
    error = (
        f"relative error at most {worst.relative_error:.1e} (at {worst.name})"
        if worst.relative_error
        else "no difference"
    )
    text = f"The gradient is right: {every}, {error}."
    undecided = sum(each.undecided for each in arrays)
    kinks = sum(each.count(KINK) for each in arrays) - undecided
    if kinks:
        text += (
            f" At {kinks:,} of them f has a kink within reach (as a ReLU has at 0); the slope there is one of those "
            "that are possible."
        )
    if undecided:
        text += (
            f" At {undecided:,} several kinks of f meet (as where units of two layers are at exactly 0): x sits on a kink, "
            "and nothing is decided there. Beside x their slopes are right."
        )
    coarse = sum(each.coarse for each in arrays)
    if coarse:
        text += f" At {coarse:,} the slope is too small, or jumps too much, for a fault of 1 % to be seen."
    return text


def noisy(one: float, other: float) -> str:
    """The verdict on a noisy f, which is not a function of x."""
    return (
        f"f is noisy: at the same x it was {one:.9g} and then {other:.9g}, so that it has no gradient to check. Switch "
        "dropout and other randomness off, or fix its key or seed."
    )


def not_finite(value: float) -> str:
    """The verdict on a point at which f has no gradient."""
    return f"f(x) is {value}: a function has a gradient only where it is finite. Look at x, and at logarithms and divisions."


def table(arrays: tuple[ArrayCheck, ...]) -> list[str]:
    """One row per array: count of numbers, worst error and its place, kinks, and the verdict."""
    rows = [("array", "numbers", "worst error", "at", "kinks", "")]
    for each in arrays:
        worst = each.worst
        place = f"[{', '.join(map(str, worst.index))}]" if worst.index and worst.relative_error else ""
        kinks = each.count(KINK)
        state = f"wrong: {each.faults:,}" if each.faults else "right"
        error = f"{worst.relative_error:.1e}"
        rows.append((each.name, f"{len(each.checked):,}", error, place, f"{kinks:,}" if kinks else "-", state))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    widths[0] = min(widths[0], WIDTH - 2 - sum(widths[1:]) - 5 * 2)
    lines = []
    for row in rows:
        name = row[0] if len(row[0]) <= widths[0] else "…" + row[0][1 - widths[0] :]
        cells = [name.ljust(widths[0]), *(row[i].rjust(widths[i]) for i in range(1, 5)), row[5]]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _fault(array: ArrayCheck) -> str:
    wrong = array.wrong()
    count = len(wrong)
    what = "every one" if count == len(array.checked) and count > 1 else f"{count:,}"
    whole = f"{array.name}: " + (f"{what} of {len(array.checked):,} slopes" if len(array.checked) > 1 else "its slope")
    text = f"{whole}, {_slopes(wrong[0])}"
    return f"{text}; {array.hint}." if array.hint else f"{text}."


def _slopes(each: Coordinate) -> str:
    place = f"at [{', '.join(map(str, each.index))}] " if each.index else ""
    low, high = sorted((each.left, each.right))
    jumps = each.uncertainty >= 0.45 * (high - low) > 1e-3 * max(abs(low), abs(high))
    measured = f"between {low:.6g} and {high:.6g}" if jumps else f"as {each.numerical:.6g}"
    if each.status == "not finite":
        if not math.isfinite(each.numerical):
            return f"{place}derived as {each.analytic:.6g}; no step finds a finite slope there"
        return f"{place}derived as {each.analytic:.6g}, which is no slope; measured {measured}"
    if jumps:
        return f"{place}derived as {each.analytic:.6g}, not {measured}, the slopes on either side"
    return f"{place}derived as {each.analytic:.6g}, measured {measured}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")

"""Splits and folds of rows that belong to groups, or that have a time: no group and no instant is ever divided."""

from __future__ import annotations

import numpy as np

from fallline.core.errors import FalllineError

_MANY = 20_000  # groups from which chance alone divides them evenly enough


def split_groups(
    groups: np.ndarray, classes: np.ndarray | None, shares: tuple[float, ...], seed: int, what: str = "sets"
) -> list[np.ndarray]:
    """Divides rows among sets so that each group is in one set, and the rows of each class follow the shares closely.

    Groups are placed one after another, the largest first, each where it brings the counts n closest to those wanted, T:

        the set p with the smallest sum over classes c of (n[p, c] + g[c] - T[p, c])^2 / T[p, c] - (n[p, c] - T[p, c])^2 / T[p, c]

    Args:
        groups: group of each row, any integers.
        classes: class of each row, or None.
        shares: share of the rows of every set, adding up to 1; a share of 0 gives an empty set.
        seed: decides between groups of one size.
        what: what the sets are called in messages.

    Raises:
        FalllineError: there are fewer groups than sets.

    >>> [part.tolist() for part in split_groups(np.array([7, 7, 8, 9, 9, 9]), None, (0.5, 0.5), 0)]
    [[3, 4, 5], [0, 1, 2]]
    """
    distinct, codes = np.unique(groups, return_inverse=True)
    wanted = np.flatnonzero(np.array(shares) > 0)
    if len(distinct) < len(wanted):
        raise FalllineError(
            f"the rows belong to {len(distinct)} {'group' if len(distinct) == 1 else 'groups'}, fewer than {len(wanted)} "
            f"{what}: ask for fewer, or leave --groups out"
        )
    labels = np.zeros(len(codes), np.int64) if classes is None else np.unique(classes, return_inverse=True)[1]
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(distinct))
    count = np.bincount(codes, minlength=len(distinct))
    order = order[np.argsort(-count[order], kind="stable")]
    place = _by_chance if len(distinct) > _MANY else _placed
    placed = wanted[place(codes, labels, order, np.array(shares, np.float64)[wanted], seed)]
    home = _none_empty(placed, count, wanted)[codes]
    return [np.flatnonzero(home == index).astype(np.int32) for index in range(len(shares))]


def _placed(codes: np.ndarray, labels: np.ndarray, order: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """The set of each group, chosen one after another."""
    table = np.zeros((len(order), int(labels.max()) + 1))
    np.add.at(table, (codes, labels), 1)
    wanted = np.outer(shares, table.sum(axis=0))
    held, placed = np.zeros_like(wanted), np.zeros(len(order), np.int64)
    for group in order:
        g = table[group]
        placed[group] = np.argmin(((g * g + 2 * g * (held - wanted)) / wanted).sum(axis=1))
        held[placed[group]] += g
    return placed


def _by_chance(codes: np.ndarray, labels: np.ndarray, order: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """The set of each group of very many: a stretch of all groups in random order."""
    shuffled = np.random.Generator(np.random.Philox(seed)).permutation(order)
    rows = np.cumsum(np.bincount(codes, minlength=len(order))[shuffled])
    ends = np.cumsum(shares)[:-1] * rows[-1]
    placed = np.zeros(len(order), np.int64)
    placed[shuffled] = np.searchsorted(ends, rows - 0.5)
    return placed


def _none_empty(placed: np.ndarray, count: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The same, where a set that got no group takes the smallest group of the set that has most groups."""
    for index in wanted:
        if not (placed == index).any():
            fullest = max(wanted, key=lambda each: int((placed == each).sum()))
            members = np.flatnonzero(placed == fullest)
            placed[members[np.argmin(count[members])]] = index
    return placed


def split_time(time: np.ndarray, test: float, valid: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(train, valid, test) rows: the latest rows are tested and those before them validate; one instant is in one set.

    Raises:
        FalllineError: there are fewer instants than sets.

    >>> [part.tolist() for part in split_time(np.array([3.0, 1.0, 2.0, 5.0, 4.0]), 0.2, 0.2)]
    [[0, 1, 2], [4], [3]]
    """
    shares = (1.0 - test - valid, valid, test)
    sets = [index for index, share in enumerate(shares) if share > 0]
    rows = len(time)
    ends = np.rint(np.cumsum([shares[index] for index in sets])[:-1] * rows).astype(np.int64)
    pieces = _pieces(time, ends, "sets")
    found = [np.zeros(0, np.int32)] * 3
    for index, piece in zip(sets, pieces, strict=True):
        found[index] = np.sort(piece).astype(np.int32)
    return found[0], found[1], found[2]


def fold_time(time: np.ndarray, k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """k pairs of (earlier rows, the rows that follow them); each pair trains on all rows before those that it holds out.

    Raises:
        FalllineError: there are fewer than k + 1 instants.

    >>> [(a.tolist(), b.tolist()) for a, b in fold_time(np.arange(6.0), 2)]
    [([0, 1], [2, 3]), ([0, 1, 2, 3], [4, 5])]
    """
    rows = len(time)
    size = max(1, rows // (k + 1))
    pieces = _pieces(time, rows - size * np.arange(k, 0, -1), "pieces in time (one more than folds)")
    return [(np.sort(np.concatenate(pieces[: i + 1])), np.sort(pieces[i + 1])) for i in range(k)]


def _pieces(time: np.ndarray, ends: np.ndarray, what: str) -> list[np.ndarray]:
    """The rows in the order of time, cut near the ends where time goes on."""
    order = np.argsort(time, kind="stable")
    cuts = np.flatnonzero(np.diff(time[order]) > 0) + 1  # between two instants
    if len(cuts) < len(ends):
        raise FalllineError(
            f"the column of time has {len(cuts) + 1} different values, too few for {len(ends) + 1} {what}: ask for fewer, or "
            "leave --time out"
        )
    chosen: list[int] = []
    for position, end in enumerate(ends):
        low = 0 if not chosen else int(np.searchsorted(cuts, chosen[-1], "right"))
        free = cuts[low : len(cuts) - (len(ends) - position - 1)]
        chosen.append(int(free[np.argmin(np.abs(free - end))]))
    return np.split(order, chosen)

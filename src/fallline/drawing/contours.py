"""Lines of equal height on a grid, by marching squares."""

import numpy as np
from jaxtyping import Float


def levels_of(
    heights: Float[np.ndarray, "rows columns"], lowest: float, count: int = 12
) -> Float[np.ndarray, " levels"]:
    """Heights of lines that show the floor of a valley as well as its walls.

    Above the lowest point they grow by one factor if the heights differ by orders of magnitude, and evenly otherwise.
    """
    above = np.sort(heights[np.isfinite(heights)].ravel() - lowest)
    above = above[above > 0]
    if not len(above):
        return np.zeros(0)
    low, middle, high = (float(above[int(q * (len(above) - 1))]) for q in (0.004, 0.5, 0.995))
    if (high < 8 * middle and lowest + low < lowest + 0.02 * high) or high <= low:
        return lowest + np.linspace(0, float(above[-1]), count + 2)[1:-1]
    return lowest + np.geomspace(low, high, count)


def contour(
    x: Float[np.ndarray, " columns"],
    y: Float[np.ndarray, " rows"],
    heights: Float[np.ndarray, "rows columns"],
    level: float,
) -> list[Float[np.ndarray, "count 2"]]:
    """The lines on which a function on a grid has one height, each as a row of points.

    >>> x = np.linspace(-2, 2, 41)
    >>> (line,) = contour(x, x, x[:, None] ** 2 + x**2, 1.0)
    >>> bool(np.allclose(np.linalg.norm(line, axis=1), 1.0, atol=2e-3)), bool((line[0] == line[-1]).all())
    (True, True)
    """
    joins: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}
    above = heights > level
    corners = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    finite = np.isfinite(heights[:-1, :-1] + heights[:-1, 1:] + heights[1:, 1:] + heights[1:, :-1])
    for i, j in zip(*np.nonzero((corners > 0) & (corners < 15) & finite), strict=True):
        # An edge of the grid is (0: along x, 1: along y, row, column); a line crosses it once.
        edges = {"s": (0, i, j), "e": (1, i, j + 1), "n": (0, i + 1, j), "w": (1, i, j)}
        for a, b in _CASES[int(corners[i, j])]:
            joins.setdefault(edges[a], []).append(edges[b])
            joins.setdefault(edges[b], []).append(edges[a])

    def crossing(edge: tuple[int, int, int]) -> tuple[float, float]:
        kind, i, j = edge
        k, l = (i, j + 1) if kind == 0 else (i + 1, j)
        share = (level - heights[i, j]) / (heights[k, l] - heights[i, j])
        return x[j] + share * (x[l] - x[j]), y[i] + share * (y[k] - y[i])

    return [np.asarray([crossing(edge) for edge in chain]) for chain in _chains(joins)]


_CASES: dict[int, tuple[tuple[str, str], ...]] = {
    1: (("s", "w"),), 2: (("s", "e"),), 3: (("w", "e"),), 4: (("n", "e"),), 5: (("s", "e"), ("n", "w")),
    6: (("s", "n"),), 7: (("n", "w"),), 8: (("n", "w"),), 9: (("s", "n"),), 10: (("s", "w"), ("n", "e")),
    11: (("n", "e"),), 12: (("w", "e"),), 13: (("s", "e"),), 14: (("s", "w"),),
}  # fmt: skip


def _chains(joins: dict[tuple[int, int, int], list[tuple[int, int, int]]]) -> list[list[tuple[int, int, int]]]:
    """Chains of joined edges: open ones from an end, then closed ones."""
    chains, left = [], {edge: list(others) for edge, others in joins.items()}
    for first in sorted(left, key=lambda edge: len(left[edge])):
        while left[first]:
            chain, here = [first], first
            while left[here]:
                after = left[here].pop()
                left[after].remove(here)
                chain.append(after)
                here = after
            chains.append(chain)
    return chains

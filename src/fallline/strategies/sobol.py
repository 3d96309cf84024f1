"""Scrambled Sobol points: every prefix is spread evenly over the unit cube, and any part is computed directly."""

import functools
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from fallline.strategies.base import Strategy, begin_with_default
from fallline.strategies.history import TrialHistory
from fallline.strategies.space import Space

BITS = 30  # bits of a coordinate
# For every dimension but the first: the bits of a primitive polynomial, and as many odd numbers as its degree.
# Source: Joe and Kuo, "Constructing Sobol sequences with better two-dimensional projections", 2008 (new-joe-kuo-6).
TABLE = """
3:1 7:1,3 11:1,3,1 13:1,1,1 19:1,1,3,3 25:1,3,5,13 37:1,1,5,5,17 41:1,1,5,5,5 47:1,1,7,11,19 55:1,1,5,1,1 59:1,1,1,3,11
61:1,3,5,5,31 67:1,3,3,9,7,49 91:1,1,1,15,21,21 97:1,3,1,13,27,49 103:1,1,1,15,7,5 109:1,3,1,15,13,25 115:1,1,5,5,19,61
131:1,3,7,11,23,15,103 137:1,3,7,13,13,15,69 143:1,1,3,13,7,35,63 145:1,3,5,9,1,25,53 157:1,3,1,13,9,35,107
167:1,3,1,5,27,61,31 171:1,1,5,11,19,41,61 185:1,3,5,3,3,13,69 191:1,1,7,13,1,19,1 193:1,3,7,5,13,19,59
203:1,1,3,9,25,29,41 211:1,3,5,13,23,1,55 213:1,3,7,3,13,59,17 229:1,3,1,3,5,53,69 239:1,1,5,5,23,33,13
241:1,1,7,7,1,61,123 247:1,1,7,9,13,61,49 253:1,3,3,5,3,55,33 285:1,3,1,15,31,13,49,245 299:1,3,5,15,31,59,63,97
301:1,3,1,11,11,11,77,249 333:1,3,1,11,27,43,71,9 351:1,1,7,15,21,11,81,45 355:1,3,7,3,25,31,65,79
357:1,3,1,1,19,11,3,205 361:1,1,5,9,19,21,29,157 369:1,3,7,11,1,33,89,185 391:1,3,3,3,15,9,79,71
397:1,3,7,11,15,39,119,27 425:1,1,3,1,11,31,97,225 451:1,1,1,3,23,43,57,177 463:1,3,7,7,17,17,37,71
487:1,3,1,5,27,63,123,213 501:1,1,3,5,11,43,53,133 529:1,3,5,5,29,17,47,173,479 539:1,3,3,11,3,1,109,9,69
545:1,1,1,5,17,39,23,5,343 557:1,3,1,5,25,15,31,103,499 563:1,1,1,11,11,17,63,105,183 601:1,1,5,11,9,29,97,231,363
607:1,1,5,15,19,45,41,7,383 617:1,3,7,7,31,19,83,137,221 623:1,1,1,3,23,15,111,223,83 631:1,1,5,13,31,15,55,25,161
637:1,1,3,13,25,47,39,87,257
"""


class Sobol(Strategy):
    """Scrambled Sobol points: random, but without clusters and gaps. The first trial is the space's default.

    Source: Bousquet et al., "Critical hyper-parameters: no random, no cry", 2017.

    >>> from fallline.distributions import Uniform
    >>> from fallline.optimizers import Momentum
    >>> space = Space(Momentum(Uniform(0, 1)))
    >>> points = Sobol().propose(space, TrialHistory.empty(space), range(8, 16), seed=0)[:, 0]
    >>> sorted((points * 8).astype(int).tolist())  # one in every eighth
    [0, 1, 2, 3, 4, 5, 6, 7]
    """

    name: ClassVar[str] = "sobol"
    begins_with_default: ClassVar[bool] = True
    learns: ClassVar[bool] = False
    batch_invariant: ClassVar[bool] = True

    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        points = space.snap(sobol_points(len(space), numbers, seed))
        return begin_with_default(points, space, numbers)


def sobol_points(d: int, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
    """A part of a scrambled Sobol sequence.

        x_n = shift xor v_k for every bit k of n xor (n >> 1),   v the scrambled directions of a dimension

    The points equal those of `scipy.stats.qmc.Sobol`, which covers more dimensions than the table but takes 0.4 s to import.

    Source: Sobol, 1967; in this order: Antonov and Saleev, 1979; scrambled after Matousek, 1998.

    >>> sobol_points(3, range(8), seed=1)[2:5].tolist() == sobol_points(3, range(2, 5), seed=1).tolist()
    True
    >>> sorted((sobol_points(1, range(8), seed=1)[:, 0] * 8).astype(int).tolist())  # one point in every eighth
    [0, 1, 2, 3, 4, 5, 6, 7]
    """
    if d > len(_rows()):
        from scipy.stats import qmc

        engine = qmc.Sobol(d, scramble=True, bits=BITS, rng=np.random.default_rng(seed))
        found: Float[np.ndarray, "n d"] = engine.random_base2(max(1, (numbers.stop - 1).bit_length()))[
            numbers.start : numbers.stop
        ]
        return found
    draw = np.random.default_rng(seed).spawn(1)[0]  # as scipy's engine does, so that the points are the same
    shift = draw.integers(2, size=(d, BITS)) @ (1 << np.arange(BITS))
    mixing = np.tril(draw.integers(2, size=(d, BITS, BITS)), -1) + np.eye(BITS, dtype=int)
    v = _scrambled(_directions(d), mixing)
    n = np.array(numbers, np.int64).reshape(-1, 1)
    gray, x = n ^ (n >> 1), np.broadcast_to(shift, (len(n), d)).copy()
    for k in range(BITS):
        x ^= np.where(gray >> k & 1, v[:, k], 0)
    return x * 2.0**-BITS


@functools.cache
def _rows() -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Polynomial and first odd numbers of every dimension in the table; the first dimension halves and needs none."""
    pairs = [row.split(":") for row in TABLE.split()]
    return ((1, ()), *((int(polynomial), tuple(map(int, odd.split(",")))) for polynomial, odd in pairs))


def _directions(d: int) -> Int[np.ndarray, "d bits"]:
    """Directions v_k = m_k 2^(BITS - k); each m_k follows from the `degree` numbers before it."""
    found = np.empty((d, BITS), np.int64)
    for row, (polynomial, odd) in enumerate(_rows()[:d]):
        degree, m = len(odd), list(odd) or [1] * BITS
        for k in range(len(m), BITS):
            new = m[k - degree]
            for i in range(1, degree + 1):
                if polynomial >> (degree - i) & 1:
                    new ^= m[k - i] << i
            m.append(new)
        found[row] = [each << (BITS - 1 - k) for k, each in enumerate(m)]
    return found


def _scrambled(v: Int[np.ndarray, "d bits"], mixing: Int[np.ndarray, "d bits bits"]) -> Int[np.ndarray, "d bits"]:
    """Directions with every bit mixed with the higher ones by a lower triangular matrix of bits."""
    positions = np.arange(BITS - 1, -1, -1)
    bits = v[:, :, None] >> positions & 1
    mixed = np.einsum("dpq,dkq->dkp", mixing, bits) & 1
    found: Int[np.ndarray, "d bits"] = mixed @ (1 << positions)
    return found

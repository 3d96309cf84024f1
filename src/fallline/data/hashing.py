"""Texts as numbers: their words and pairs of words, hashed into a fixed number of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Float, UInt64

SIZE = 256  # features of a text column; a power of two
WORDS = 6  # half of the cells have at least so many words: then a column is text rather than names
_ROWS = 4_096  # texts that are hashed at a time
_SAMPLE = 1_000  # texts whose words are counted
_NO_WORD = r"[^\p{L}\p{M}\p{N}]+"  # between two words: everything but letters, marks and digits
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that its powers have inverses
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def is_prose(present: pl.Series) -> bool:
    """Whether texts are sentences rather than names or codes: half of them have six words or more.

    >>> import polars as pl
    >>> is_prose(pl.Series(["the soup was cold and so was I"])), is_prose(pl.Series(["Allen, Mr. William Henry"]))
    (True, False)
    """
    words = present.head(_SAMPLE).str.count_matches(r"\S+")
    return bool((words.median() or 0) >= WORDS)  # type: ignore[operator]


def hashed(texts: pl.Series, size: int = SIZE) -> Float[np.ndarray, "rows size"]:
    """The words and pairs of neighbouring words of each text, counted in `size` features of float32.

        h(w)    = mix(sum_k c_k B^k)                of a word with the code points c_0, c_1, ...
        h(v, w) = mix(B h(v) + h(w))                of a pair
        x[h mod size] += 1 or -1                    by the highest bit of h

    Words are compared in lower case; all but letters, marks and digits stands between them. The sums are modulo 2^64, with
    B = 0x9E3779B97F4A7C15. Two words that share a feature cancel each other as often as they add up. A text of any length
    has the root mean square 1, as scaled numbers have; one without words, or none at all, is all 0.

    Source: Weinberger et al., "Feature hashing for large scale multitask learning", 2009.

    >>> import polars as pl
    >>> x = hashed(pl.Series(["Good soup!", "good  SOUP", "soup, good", None]), 64)
    >>> bool((x[0] == x[1]).all()), bool((x[0] == x[2]).all()), float(abs(x[3]).max())
    (True, False, 0.0)
    """
    found = np.empty((len(texts), size), np.float32)
    for start in range(0, len(texts), _ROWS):
        part = texts[start : start + _ROWS]
        found[start : start + len(part)] = _counted(*_grams(part), len(part), size)
    return found


def _counted(rows: np.ndarray, hashes: UInt64[np.ndarray, " grams"], count: int, size: int) -> np.ndarray:
    signs = 1.0 - 2.0 * (hashes >> np.uint64(63)).astype(np.float64)
    places = rows * size + (hashes % np.uint64(size)).astype(np.int64)
    x = np.bincount(places, signs, minlength=count * size).reshape(count, size)
    norms = np.sqrt((x**2).mean(axis=1, keepdims=True))
    return x / np.where(norms > 0, norms, 1.0)


def _grams(texts: pl.Series) -> tuple[np.ndarray, UInt64[np.ndarray, " grams"]]:
    """The row and the hash of every word and of every pair, from the code points of all texts one after the other."""
    clean = texts.fill_null("").str.to_lowercase().str.replace_all(_NO_WORD, " ")
    codes = np.frombuffer("\n".join(clean.to_list()).encode("utf-32-le"), np.uint32)
    inside = (codes != ord(" ")) & (codes != ord("\n"))
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    rows = np.cumsum(codes == ord("\n"))[starts] if len(starts) else np.zeros(0, np.int64)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(codes.astype(np.uint64) * _powers(_BASE, len(codes)))])
    words = _mixed((sums[ends] - sums[starts]) * _powers(_INVERSE, len(codes))[starts])
    together = np.flatnonzero(rows[1:] == rows[:-1])
    pairs = _mixed(words[together] * _BASE + words[together + 1])
    return np.concatenate([rows, rows[together]]), np.concatenate([words, pairs])


def _powers(base: np.uint64, count: int) -> UInt64[np.ndarray, " count"]:
    """1, base, base^2, ... modulo 2^64."""
    factors = np.full(count, base)
    factors[:1] = 1
    found: np.ndarray = np.cumprod(factors, dtype=np.uint64)
    return found


def _mixed(h: UInt64[np.ndarray, " grams"]) -> UInt64[np.ndarray, " grams"]:
    """A one-to-one map after which every bit depends on every bit.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    h = (h ^ (h >> np.uint64(30))) * _FIRST
    h = (h ^ (h >> np.uint64(27))) * _SECOND
    return np.asarray(h ^ (h >> np.uint64(31)))

"""Random streams by name: the draws of one strategy are independent of those of any other."""

import hashlib
from collections.abc import Mapping

import numpy as np

from fallline.core.errors import FalllineError

# Streams whose word is not a hash of their name, but the number used by version 0.1.0, so that its studies continue with
# the same points.
ESTABLISHED = {"random": 0, "coarse_to_fine.outside": 1, "tpe.joint": 2, "tpe.univariate": 3, "optuna.seed": 4}


class StreamWords:
    """The key word of every stream. Each name has one word, and no two names share one.

    Arguments:
        established: words that are fixed; any other name gets a hash of itself.

    Raises: FalllineError where two names would have the same word.

    >>> words = StreamWords({"random": 0})
    >>> words["random"], words["mine"] == words["mine"], words["mine"] > 2**63
    (0, True, True)
    """

    def __init__(self, established: Mapping[str, int]) -> None:
        self._names: dict[int, str] = {}
        self._words: dict[str, int] = {}
        for name, word in established.items():
            self._add(name, word)

    def __getitem__(self, name: str) -> int:
        if name not in self._words:
            word = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
            self._add(name, word | 1 << 63)  # larger than every established word
        return self._words[name]

    def _add(self, name: str, word: int) -> None:
        if word in self._names:
            raise FalllineError(
                f"the random streams {self._names[word]!r} and {name!r} have the same key word: rename one of them"
            )
        self._names[word] = name
        self._words[name] = word


WORDS = StreamWords(ESTABLISHED)


def draws(seed: int, number: int, name: str) -> np.random.Generator:
    """The random numbers for one trial of a study, from a named stream.

        Philox with the key (seed, word of the name) and the counter (0, 0, 0, number)

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.

    >>> bool(draws(0, 7, "random").random() == draws(0, 7, "random").random())
    True
    >>> bool(draws(0, 7, "random").random() == draws(0, 7, "tpe.joint").random())
    False
    """
    key = np.array([seed, WORDS[name]], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, number]))

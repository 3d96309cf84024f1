"""Random numbers by name and by index.

One key per run is split by *name*, so that adding a use of randomness never changes another. Arrays are drawn by
*index*: an element depends on the key and on its own index, not on the array's shape. A wide layer therefore begins
with a narrower layer's weights, and a padded lane of a population draws the same numbers as its solo run.
"""

import zlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key, UInt32

Seed = Key[Array, ""]


def key_of(seed: int) -> Seed:
    """`jax.random.key(seed)`, made on the host, since JAX would compile a program for it.

    >>> bool(key_of(7) == jax.random.key(7))
    True
    """
    if not 0 <= seed < 2**31:
        return jax.random.key(seed)
    return jax.random.wrap_key_data(jax.device_put(np.array([0, seed], np.uint32)))


@jax.jit
def _mix(h: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """A bijection of 32-bit words in which every input bit flips half of the output bits.

    Source: Wellons, "Prospecting for hash functions", 2018, the constants of lowbias32.
    """
    h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
    return h ^ (h >> 16)


def named(key: Seed, name: str, step: Array | int | None = None) -> Seed:
    """The key for one named use of randomness, folded with the step if it is used at every step.

        k1' = mix(k1 + mix(id)),  k2' = mix(k2 + mix(k1')),  id = a checksum of the name, then the step

    This takes a few integer operations where Threefry's fold takes a hundred, so every program compiles faster.

    >>> a, b = (named(jax.random.key(0), name) for name in ("init", "order"))
    >>> bool((jax.random.key_data(a) == jax.random.key_data(b)).all())
    False
    """
    words = jax.random.key_data(key).astype(jnp.uint32)
    for each in (zlib.crc32(name.encode()), step):
        if each is not None:
            first = _mix(words[0] + _mix(jnp.asarray(each, jnp.uint32) ^ jnp.uint32(0x5BD1E995)))
            words = jnp.stack([first, _mix(words[1] + _mix(first ^ jnp.uint32(0x1B873593)))])
    return jax.random.wrap_key_data(words)


def bits(key: Seed, shape: Sequence[int]) -> UInt32[Array, "*shape"]:
    """Random words, each a hash of the key and of its own index.

        word[i, j, ...] = mix(mix(k1 + i c1) + mix(k2 + j c2) + ...)

    Each word costs two multiplications; Threefry takes twenty rounds.

    Raises: nothing. Source: the counter-based construction of Salmon et al., "Parallel random numbers: as easy as
    1, 2, 3", 2011, with a weaker and cheaper bijection.

    >>> key = jax.random.key(3)
    >>> bool((bits(key, (2, 3)) == bits(key, (9, 7))[:2, :3]).all())
    True
    """
    words = jax.random.key_data(key).astype(jnp.uint32).reshape(-1)
    total = jnp.zeros((1,) * len(shape), jnp.uint32)
    for axis, size in enumerate(shape):
        stream = _mix(words[axis % words.size] + jnp.uint32(0x9E3779B9 * (axis + 1) % 2**32))
        index = _mix(stream + lax.iota(jnp.uint32, size) * jnp.uint32(0x9E3779B1))
        total = total + index.reshape([-1 if each == axis else 1 for each in range(len(shape))])
    return _mix(total ^ words[-1])


def uniform(key: Seed, shape: Sequence[int]) -> Float[Array, "*shape"]:
    """Uniform numbers in the open interval (0, 1), with 23 bits each: with 24, the largest would round to 1."""
    return (bits(key, shape) >> 9).astype(jnp.float32) * 2.0**-23 + 2.0**-24


def normal(key: Seed, shape: Sequence[int]) -> Float[Array, "*shape"]:
    """Standard normal numbers by inversion, sqrt(2) erfinv(2 u - 1); the largest possible value is 5.3."""
    return jnp.sqrt(2.0).astype(jnp.float32) * lax.erf_inv(2.0 * uniform(key, shape) - 1.0)


SORTED = 4096  # the largest permutation drawn by sorting


def permutation(key: Seed, size: int, count: Array | int | None = None) -> Int[Array, " size"]:
    """A random order of 0 .. size - 1; with `count`, the first `count` entries are a random order of 0 .. count - 1.

    Up to 4,096 entries are sorted; more are drawn by a bijection that is computed entry by entry. On a CPU, a sort takes
    2 ms for 32,561 rows and 120 ms for a million; the bijection takes 0.3 ms and 0.7 ms.

    >>> sorted(permutation(jax.random.key(0), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    count = jnp.asarray(size if count is None else count, jnp.uint32)
    return (_sorted_order if size <= SORTED else _walked_order)(key, size, count).astype(jnp.int32)


def _sorted_order(key: Seed, size: int, count: Array) -> UInt32[Array, " size"]:
    """Sort words with random bits above and the index below: one array instead of keys and values.

    Ties are ordered by the index XOR a random word, so that no two rows come in the same order more often than not.
    """
    low = jnp.uint32(2 ** max(1, (size - 1).bit_length()) - 1)
    index = lax.iota(jnp.uint32, size)
    words = bits(named(key, "pass 0"), (size + 1,))
    random, flip = (words[:size] >> 1) & ~low, words[size] & low
    random = jnp.where(index < count, random, jnp.uint32(2**31))
    return (lax.sort(random | (index ^ flip), is_stable=False) & low) ^ flip


ROUNDS = 6  # with 3, counts of neighbours in a minibatch spread twice too far; with 4, no defect was found


def _walked_order(key: Seed, size: int, count: Array) -> UInt32[Array, " size"]:
    """A bijection of w-bit numbers, 2^(w-1) < count <= 2^w, applied again to results of count or more.

        x <- (m x + a) mod 2^w;  x <- x xor (x >> ceil(w / 2)),   six times, m odd and a random in each

    Every cycle that begins below count returns below it, so the result is a bijection of 0 .. count - 1.

    Source: Black and Rogaway, "Ciphers with arbitrary finite domains", 2002, section 4, cycle walking.
    """
    width = 32 - lax.clz(jnp.maximum(count, 2) - 1)
    words, low = bits(named(key, "rounds"), (ROUNDS, 2)), (jnp.uint32(1) << width) - 1

    def bijection(x: Array) -> Array:
        for m, a in words:
            x = ((m | 1) * x + a) & low
            x = x ^ (x >> (width + 1) // 2)
        return x

    index = lax.iota(jnp.uint32, size)

    def beyond(x: Array) -> Array:
        return (index < count) & (x >= count)

    def again(x: Array) -> Array:
        return jnp.where(beyond(x), bijection(x), x)

    x = lax.while_loop(lambda x: jnp.any(beyond(x)), again, bijection(index))
    return jnp.where(index < count, x, index)

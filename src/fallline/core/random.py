"""Random numbers by name and by place.

One key per run is split by *name*, so that adding a use of randomness never changes another. Arrays are drawn by
*place*: an element depends on the key and on its own index, not on the array's shape, so that a wide layer begins
with a narrower one's weights and a padded lane of a population draws what its solo run draws.
"""

import zlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key, UInt32

Seed = Key[Array, ""]


def _mix(h: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """A bijection of 32-bit words in which every input bit flips half of the output bits.

    Source: Wellons, "Prospecting for hash functions", 2018, the constants of lowbias32.
    """
    h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
    return h ^ (h >> 16)


def named(key: Seed, name: str, step: Array | int | None = None) -> Seed:
    """The key of one named use of randomness, folded with the step if it is used at every step.

        k1' = mix(k1 + mix(id)),  k2' = mix(k2 + mix(k1')),  id = a checksum of the name, then the step

    A few integer operations where Threefry's fold takes a hundred: less to compile in every program.

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

    Two multiplications a word; Threefry takes twenty rounds.

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
        place = _mix(stream + lax.iota(jnp.uint32, size) * jnp.uint32(0x9E3779B1))
        total = total + place.reshape([-1 if each == axis else 1 for each in range(len(shape))])
    return _mix(total ^ words[-1])


def uniform(key: Seed, shape: Sequence[int]) -> Float[Array, "*shape"]:
    """Uniform numbers in the open interval (0, 1), 23 bits each: with 24, the largest would round to 1."""
    return (bits(key, shape) >> 9).astype(jnp.float32) * 2.0**-23 + 2.0**-24


def normal(key: Seed, shape: Sequence[int]) -> Float[Array, "*shape"]:
    """Standard normal numbers by inversion: sqrt(2) erfinv(2 u - 1); the largest possible is 5.3."""
    return jnp.sqrt(2.0).astype(jnp.float32) * lax.erf_inv(2.0 * uniform(key, shape) - 1.0)


def permutation(
    key: Seed, size: int, count: Array | int | None = None, passes: int | None = None
) -> Int[Array, " size"]:
    """A random order of 0 .. size - 1; with `count`, the first `count` places are a random order of 0 .. count - 1.

    Sorts words that hold random bits above and the index below: one array instead of a key and a value, three times
    as fast on a CPU. Sizes above 2^16 leave few random bits, so they are sorted twice. Equal random bits are put in the
    order of the index XOR a random word, so that no two rows come in the same order more often than not.

    >>> sorted(permutation(jax.random.key(0), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    width = max(1, (size - 1).bit_length())
    low = jnp.uint32(2**width - 1)
    place = lax.iota(jnp.uint32, size)
    order = place
    for turn in range(passes or (1 if width <= 16 else 2)):
        words = bits(named(key, f"pass {turn}"), (size + 1,))
        random, flip = (words[:size] >> 1) & ~low, words[size] & low
        if count is not None:
            random = jnp.where(order < jnp.asarray(count, jnp.uint32), random, jnp.uint32(2**31))
        # The second pass permutes what the first left: word = random bits, then the place in the first order.
        chosen = (lax.sort(random | (place ^ flip), is_stable=False) & low) ^ flip
        order = order[chosen] if turn else chosen
    return order.astype(jnp.int32)

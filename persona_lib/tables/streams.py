"""Named random streams: one per purpose, so adding a draw in one place moves no other."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on the run's seed and on the purpose's name, and on nothing else.

    The same seed and names give the same numbers on every machine and in every process;
    streams of different names are independent.

    Examples
    --------
    >>> a = generator(1, "population.draws").random()
    >>> a == generator(1, "population.draws").random(), a == generator(1, "traits").random()
    (True, False)
    """
    text = "\x1f".join(str(name) for name in names)
    words = np.frombuffer(_words(seed) + hashlib.sha256(text.encode()).digest(), dtype=np.uint32)
    # As `SeedSequence([seed, *words])`, which takes NumPy three times as long to read.
    return np.random.default_rng(np.random.SeedSequence(words))


@cache
def _words(seed: int) -> bytes:
    """The seed in as many words of 32 bits as it fills, the lowest first, and at least one."""
    return seed.to_bytes(4 * max(1, -(-seed.bit_length() // 32)), "little")


def shard_of(key: str, of: int) -> int:
    """The shard, 0 to of - 1, that a key belongs to; depends on the key alone.

    Examples
    --------
    >>> [shard_of("q0001", 1), shard_of("q0001", 4) in range(4)]
    [0, True]
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % of

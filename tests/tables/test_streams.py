"""Random streams: what a name gives is data, which no later version may change; names do not touch each other."""

import hashlib
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from persona_lib.tables.streams import generator, shard_of

NAMES = ["population.draws", "population.redraws", "traits", "traits.quirks", "pool.items", "pool.order", "split"]


def test_what_a_name_gives_is_pinned():
    # a change here changes every persona, item and order of every run that was ever published
    assert generator(1, "population.draws").integers(0, 1 << 32, size=4).tolist() == [
        2129121458,
        2972596232,
        2366759090,
        2577127237,
    ]
    assert generator(1, "traits", "p0001", 3).integers(0, 1000, size=5).tolist() == [167, 962, 280, 704, 373]


def test_it_is_numpys_generator_of_the_seed_and_the_hash_of_the_names():
    """Oracle: PCG64 itself, its entropy put together by hand from the digest, four bytes at a time, lowest first."""
    digest = hashlib.sha256(b"traits\x1fp0001\x1f3").digest()
    words = [int.from_bytes(digest[at : at + 4], "little") for at in range(0, 32, 4)]
    plain = np.random.Generator(np.random.PCG64(np.random.SeedSequence([5, *words])))
    assert generator(5, "traits", "p0001", 3).random(9).tolist() == plain.random(9).tolist()


def test_another_process_with_another_hash_seed_gives_the_same():
    program = (
        "from persona_lib.tables.streams import generator as g, shard_of as s; print(g(3, 'a').random(), s('q', 9))"
    )
    command = [sys.executable, "-c", program]
    said = [
        subprocess.run(command, env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}, capture_output=True)
        for seed in ("1", "2")
    ]
    assert {one.stdout.decode() for one in said} == {f"{generator(3, 'a').random()} {shard_of('q', 9)}\n"}


def test_a_draw_more_in_one_stream_moves_no_other():
    before = generator(1, "traits").random(3).tolist()
    generator(1, "population.draws").random(1000)
    assert generator(1, "traits").random(3).tolist() == before


def test_streams_of_different_names_and_seeds_are_uncorrelated():
    """Oracle: of independent streams of 20,000 numbers hardly a correlation exceeds 4 / sqrt(20,000)."""
    made = [generator(1, name).random(20_000) for name in NAMES] + [generator(2, NAMES[0]).random(20_000)]
    assert max(abs(np.corrcoef(a, b)[0, 1]) for a, b in combinations(made, 2)) < 4 / np.sqrt(20_000)


@pytest.mark.parametrize(("one", "other"), [(("ab",), ("a", "b")), (("a", "bc"), ("ab", "c")), (("a",), ("a", ""))])
def test_names_in_parts_are_other_names(one, other):
    assert generator(1, *one).random() != generator(1, *other).random()


def test_shards_are_pinned_whole_and_even():
    assert [shard_of(f"q{k:04d}", 7) for k in range(1, 11)] == [4, 6, 3, 0, 2, 5, 2, 3, 6, 2]
    counts = np.bincount([shard_of(f"q{k:04d}", 7) for k in range(7000)], minlength=7)
    assert counts.sum() == 7000 and np.abs(counts - 1000).max() < 4 * np.sqrt(1000)

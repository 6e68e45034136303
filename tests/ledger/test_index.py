"""The index: a dict that keeps the first, in memory that does not grow."""

import hashlib
import random
import subprocess
import sys

import pytest
from ledger_rows import reply, request

from persona_lib.ledger.errors import LedgerError
from persona_lib.ledger.index import Index


class TestIndex:
    def test_is_a_dict_that_keeps_the_first(self):
        # oracle: a dict
        rng, index, plain = random.Random(4), Index(), {}
        for step in range(20_000):
            # every other hash is one of a few that begin alike
            digest = f"7{rng.randrange(900):031x}{0:032x}" if step % 2 else hashlib.sha256(b"%d" % step).hexdigest()
            place = (rng.randrange(1000), rng.randrange(1, 1 << 44))
            assert index.add(digest, file=place[0], byte=place[1]) == (digest not in plain)
            plain.setdefault(digest, place)
        assert len(index) == len(plain) and sorted(index) == sorted(plain.values())
        assert all(index.find(digest) == place for digest, place in plain.items())
        assert index.find("f" * 64) is None
        chosen = rng.sample(sorted(plain), 500)
        for digest in (*chosen, "f" * 64):
            index.mark(digest)
        assert list(index.marked()) == [plain[digest] for digest in sorted(chosen)]

    def test_its_memory_does_not_grow(self):
        program = """
import hashlib, resource
from persona_lib.ledger.index import Index
index = Index()
for number in range(200_000):
    index.add(hashlib.sha256(b"%d" % number).hexdigest(), file=0, byte=number + 1)
    if number == 50_000:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(index), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
        said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
        n, grown_kib = map(int, said.split())
        assert n == 200_000 and grown_kib < 2_000  # a dict would take 48,000 more

    def test_a_full_temporary_folder_stops_the_run_and_loses_nothing(self, opened):
        with opened() as ledger:
            ledger._index._base.execute("pragma max_page_count=3")
            with pytest.raises(LedgerError, match="index of answers .*SQLITE_TMPDIR.*full.*answers so far are kept"):
                for number in range(500):
                    ledger.append([(request(str(number)), reply())])
        with opened() as ledger:
            assert number > 10 and ledger.find(request(str(number))) == reply()

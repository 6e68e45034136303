"""Packed ledgers: the same answers, in a sixth of the room."""

import gzip

import pytest

from persona_lib.ledger.errors import LedgerError
from persona_lib.ledger.live import Ledger, check
from persona_lib.ledger.packs import LINES, Pack
from persona_lib.messages.request import Reply, Request


def asked(n: int) -> Request:
    return Request("large", "m", ({"role": "user", "content": f"Question {n}, ünï? " + "words " * 50},), {})


N = 3 * LINES + 1


@pytest.fixture
def packed(tmp_path):
    """A shard of N answers that was packed, and what it held before."""
    with Ledger(tmp_path, "toy", shard=0, of=2) as ledger:
        ledger.append([(asked(n), Reply("ok", f"answer {n}")) for n in range(N)])
        before = ledger.path.read_bytes()
        ledger.pack()
    return tmp_path, before


class TestPack:
    def test_gunzip_gives_the_lines_back_and_the_live_file_keeps_its_header(self, packed):
        """Oracle: Python's gzip."""
        folder, before = packed
        header, rest = before.split(b"\n", 1)
        assert gzip.decompress((folder / "toy-0-of-2.0000.jsonl.gz").read_bytes()) == rest
        assert (folder / "toy-0-of-2.jsonl").read_bytes() == header + b"\n"

    def test_any_line_is_found_by_its_place(self, packed):
        folder, before = packed
        pack = Pack(folder / "toy-0-of-2.0000.jsonl.gz")
        found = dict(pack.lines())
        assert [pack.line(place) for place in reversed(found)] == before.splitlines(keepends=True)[:0:-1]
        pack.close()

    def test_a_damaged_member_is_named(self, packed):
        folder, _ = packed
        path = folder / "toy-0-of-2.0000.jsonl.gz"
        found = bytearray(path.read_bytes())
        found[len(found) // 2] ^= 0xFF
        path.write_bytes(found)
        with pytest.raises(LedgerError, match=r"toy-0-of-2.0000.jsonl.gz"):
            Ledger(folder, "toy", shard=0, of=2)

    def test_a_pack_cut_short_is_named(self, packed):
        folder, _ = packed
        path = folder / "toy-0-of-2.0000.jsonl.gz"
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(LedgerError, match="ends within a member"):
            Ledger(folder, "toy", shard=0, of=2)


class TestLedgerWithPacks:
    @pytest.mark.parametrize("shard, of", [(0, 2), (1, 2), (0, 1)])
    def test_every_shard_of_any_number_finds_what_is_packed(self, packed, shard, of):
        with Ledger(packed[0], "toy", shard=shard, of=of) as ledger:
            assert [ledger.find(asked(n)).text for n in range(N)] == [f"answer {n}" for n in range(N)]

    def test_what_comes_later_is_a_second_pack(self, packed):
        folder, _ = packed
        with Ledger(folder, "toy", shard=0, of=2) as ledger:
            ledger.append([(asked(N), Reply("ok", "late"))])
            assert ledger.use(asked(N)).text == "late" and ledger.use(asked(0)).text == "answer 0"
            ledger.pack()
        assert sorted(path.name for path in folder.glob("*.gz")) == [f"toy-0-of-2.000{n}.jsonl.gz" for n in (0, 1)]
        with Ledger(folder, "toy", shard=1, of=2) as ledger:
            assert ledger.find(asked(N)).text == "late" and ledger.find(asked(3)).text == "answer 3"

    def test_nothing_new_makes_no_pack(self, packed):
        with Ledger(packed[0], "toy", shard=0, of=2) as ledger:
            ledger.pack()
        assert len(list(packed[0].glob("*.gz"))) == 1

    def test_the_newest_of_several_replies_counts(self, packed):
        """A final reply that is asked again twice, the first time packed, the second not."""
        folder = packed[0]
        with Ledger(folder, "toy", shard=0, of=2) as ledger:
            ledger.append([(asked(N), Reply("refused", detail="no"))])
            ledger.pack()
        for said, is_packed in (("first", True), ("second", False)):
            with Ledger(folder, "toy", shard=0, of=2, ask_again=["refused", "ok"]) as ledger:
                assert ledger.find(asked(N)) is None
                ledger.append([(asked(N), Reply("ok", said))])
                if is_packed:
                    ledger.pack()
        with Ledger(folder, "toy", shard=0, of=2) as ledger:
            assert ledger.find(asked(N)).text == "second"

    def test_a_shard_that_packs_disturbs_no_other_that_reads_it(self, tmp_path):
        with Ledger(tmp_path, "toy", shard=0, of=2) as first:
            first.append([(asked(n), Reply("ok", f"answer {n}")) for n in range(N)])
            with Ledger(tmp_path, "toy", shard=1, of=2) as second:
                first.pack()
                assert second.find(asked(2)).text == "answer 2"

    def test_a_check_counts_what_is_packed_and_compares_it(self, packed):
        folder, _ = packed
        ledger = folder / "toy-0-of-2.jsonl"
        assert check([ledger])["ok"] == N and check([ledger])["repeated"] == 0
        with Ledger(folder, "toy", shard=0, of=2) as one:
            one.append([(asked(N), Reply("ok", "late"))])
        other = Ledger(folder / "elsewhere", "toy", shard=1, of=2)
        with other:
            other.append([(asked(0), Reply("ok", "answer 0"))])
        assert check([ledger, other.path]) | {"ok": 0} == check([ledger]) | {"ok": 0, "records": N + 2, "repeated": 1}
        with Ledger(folder / "third", "toy", shard=1, of=2) as third:
            third.append([(asked(1), Reply("ok", "something else"))])
        with pytest.raises(LedgerError, match=r"0000\.jsonl\.gz: line 2 and .*two answers to request"):
            check([ledger, folder / "third" / "toy-1-of-2.jsonl"])

"""The question before a user's model is asked: who may answer it, and what no means. Oracle: the ledger's folder."""

import io

import pytest
from programs import ROOT

from persona_lib import cli


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    places = ["--out", str(tmp_path / "out"), "--leaderboard", str(tmp_path / "board")]
    sizes = ["--n", "2", "--n-calibration", "1", "--modes", "output_only", "--quiet"]

    def run(said):
        monkeypatch.setattr("sys.stdin", Terminal(said))
        status = cli.main(["bench", "--base-url", "simulator", "--model", "sim-large", *places, *sizes])
        return status, capsys.readouterr()

    return run


@pytest.mark.parametrize("said", ["n\n", "\n", "yesterday\n"])
def test_whoever_does_not_say_yes_asks_nobody(bench, tmp_path, said):
    status, told = bench(said)
    assert status == 1 and told.err.strip().endswith("persona: nothing was asked")
    assert "benchmark: " in told.out and " calls to make" in told.out and "make these calls? [y/N]" in told.out
    ledgers = list((tmp_path / "out").rglob("*.jsonl"))
    assert all(len(path.read_bytes().splitlines()) == 1 for path in ledgers) and not (tmp_path / "board").exists()


def test_yes_is_yes(bench, tmp_path):
    status, told = bench(" Y \n")
    assert status == 0 and list((tmp_path / "board").glob("*.json")), told.err

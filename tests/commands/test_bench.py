"""`persona bench`: scored, paid for once, and bad input is one line."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from whole_runs import ROOT, served

from persona_lib import cli
from persona_lib.ledger.live import Ledger

SMALL = ["--n", "6", "--n-calibration", "2", "--modes", "output_only", "--quiet"]


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)

    def run(*arguments):
        places = ["--out", str(tmp_path / "out"), "--leaderboard", str(tmp_path / "board")]
        status = cli.main(["bench", *places, *SMALL, *arguments])
        return status, capsys.readouterr()

    return run


def test_a_model_is_scored_and_the_same_command_asks_nothing_again(bench, tmp_path):
    arguments = ("--base-url", "simulator", "--model", "sim-large")
    status, said = bench(*arguments, "--yes")
    assert status == 0 and "calls to make" in said.out and "0 calls to make" not in said.out.replace("10 calls", "")
    (row,) = (tmp_path / "board").glob("*.json")
    told = json.loads(row.read_text())
    assert told["model"] == "sim-large" and told["judge"] == "sim-judge" and told["is_simulated"]
    assert list(told["modes"]) == ["output_only"] and told["modes"]["output_only"]["n"] >= 4
    page = next((tmp_path / "out").glob("*/report.html")).read_text()
    assert "The answers are simulated" in page and "output_only" in page
    ledger = {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*/ledger/*.parquet")}
    status, said = bench(*arguments)  # nobody is asked, since there is nothing to pay for
    assert status == 0 and "benchmark: 0 calls to make" in said.out
    assert ledger == {p.name: p.read_bytes() for p in (tmp_path / "out").glob("*/ledger/*.parquet")}


def test_what_is_asked_for_on_request_stands_in_the_report(bench, tmp_path):
    arguments = ("--base-url", "simulator", "--model", "sim-large", "--yes")
    status, said = bench(*arguments, "--loo", "2", "--comparison", "2", "--survey", "2")
    assert status == 0 and "left_out: 136 calls to make" in said.out, "2 items, 33 attributes and the whole, two calls"
    page = next((tmp_path / "out").glob("*/report.html")).read_text()
    assert "Leave one out" in page and "contestant|religion" in page
    assert "Gold comparison" in page and "contestant|both_right" in page
    assert "Survey beside real people" in page and "contestant|persona|all" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base-url", "simulator", "--model", "sim-great", "--yes"), "no simulated model 'sim-great'; there are"),
        (("--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--yes"), "--judge NAME is missing"),
        (("--base-url", "simulator", "--model", "sim-large"), "give --yes"),
        (("--base-url", "simulator", "--model", "sim-large", "--yes", "--n", "1"), "--n must be 2 or more"),
        (("--base-url", "simulator", "--model", "sim-large", "--yes", "--tables", "none"), "none/personas.parquet"),
        (("--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--judge", "j", "--yes"), "127.0.0.1:9"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_row(bench, tmp_path, arguments, message):
    status, said = bench(*arguments)
    last = said.err.strip().splitlines()[-1]
    assert status == 1 and message in last and last.startswith("persona: ")
    assert not (tmp_path / "board").exists() and not list(tmp_path.rglob("report.html"))


def test_a_judge_that_answers_nonsense_ends_with_counts_and_no_number(bench, tmp_path):
    with served({"j": "unparsed"}) as address:
        status, said = bench("--base-url", address, "--model", "m", "--judge", "j", "--yes")
    assert status == 0 and "not scorable; 0 scored, 6 not" in said.out
    (row,) = (tmp_path / "board").glob("*.json")
    told = json.loads(row.read_text())
    assert told["verdict"] == "not scorable" and told["modes"]["output_only"]["pass_rate"] is None


def test_a_server_of_which_nothing_can_be_used_is_one_line_with_counts(bench, tmp_path):
    with served({"m": "refused", "j": "refused"}) as address:
        status, said = bench("--base-url", address, "--model", "m", "--judge", "j", "--yes")
    last = said.err.strip().splitlines()[-1]
    assert status == 1 and last.startswith("persona: not scorable: ") and "refused" in last
    assert not (tmp_path / "board").exists()


def test_a_live_model_that_nobody_serves_is_one_line(bench, serve, tmp_path):
    error = {"message": "The model `m` does not exist", "code": "model_not_found", "type": "invalid_request_error"}
    address, _ = serve(lambda http: http.reply(404, json.dumps({"error": error}).encode()))
    status, said = bench("--base-url", f"{address}/v1", "--model", "m", "--judge", "j", "--yes")
    last = said.err.strip().splitlines()[-1]
    assert status == 1 and last.startswith("persona: ") and "The model `m` does not exist" in last
    assert not (tmp_path / "board").exists()


def test_killed_midway_it_goes_on_with_what_it_has_paid_for(tmp_path):
    out = tmp_path / "out"
    with served({}) as address:
        command = [
            Path(sys.executable).with_name("persona"),
            "bench",
            "--out",
            out,
            "--leaderboard",
            tmp_path / "board",
        ]
        command += [*SMALL, "--n", "60", "--base-url", address, "--model", "m", "--judge", "j", "--yes"]
        told = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": os.environ | {"PYTHONUNBUFFERED": "1"}}
        with subprocess.Popen(command, cwd=ROOT, text=True, **told) as begun:
            while not (ledgers := list(out.glob("*/ledger/benchmark-*.jsonl"))) or len(lines(ledgers[0])) < 20:
                assert begun.poll() is None
                time.sleep(0.02)
            begun.kill()
            first, _ = begun.communicate(timeout=30)
        with Ledger(ledgers[0].parent, "benchmark", shard=0, of=1):
            kept = len(lines(ledgers[0])) - 3  # less the first line and the two endpoints' checks; a torn one is cut
        again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    wanted, left = (int(re.search(r"benchmark: (\d+) calls to make", said)[1]) for said in (first, again.stdout))
    assert 0 < left == wanted - kept and list((tmp_path / "board").glob("*.json"))


def lines(path):
    return path.read_bytes().splitlines()

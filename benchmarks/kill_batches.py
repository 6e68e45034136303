"""Kill -9 a collection by batches at random moments; count what the endpoint was asked, and compare the results.

    python benchmarks/kill_batches.py --kills 20 --calls 10000

The endpoint is the simulator over the files and batches of the protocol: each batch takes a while, some expire
with a part of their answers, some lines fail. Between kills the same command goes on. At the end the answers,
batch by batch, must add up to each request answered once, and the sealed ledger must have the bytes of a run by
chat that nobody disturbed.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import openai
import pandas as pd

ROOT = Path(__file__).parents[1]
DRIVER = """
import sys
from persona_lib import cli
from persona_lib.asking import batch
from persona_lib.commands import collect
batch.MOST_REQUESTS = 1000
collect.STAGES['toy'] = 'toy:collect'
sys.exit(cli.main())
"""
STAGE = """
import pandas as pd

def collect(tables, settings, *, shard, of, ask):
    slots = [{"prompt": text} for text in tables["texts"]["text"]]
    ask(pd.DataFrame({"endpoint": "large", "template": "answer", "slots": slots}))
"""
SMALL = "version: 1\nsource: ours\nleast_max_tokens: 8\nsystem: Be kind.\nuser: '{{prompt}}'\n"


def prepare(folder: Path, n_calls: int, rng: random.Random) -> None:
    """The stage, its template, its table, and what befalls the batches."""
    (folder / "toy.py").write_text(STAGE)
    (folder / "templates").mkdir()
    (folder / "templates" / "answer.yaml").write_text(SMALL)
    texts = [f"Why is {number} {{{{prompt}}}} é?" for number in range(n_calls)]
    pd.DataFrame({"text": texts}).to_csv(folder / "texts.csv", index=False)
    kinds = [{"errors": 0.1}, {"ends": "expired", "after": 600}, {}]
    lives = [rng.choice(kinds) | {"seconds": rng.uniform(5, 30)} for _ in range(200)]
    (folder / "faults.yaml").write_text(json.dumps({"batches": lives}))


def started(folder: Path, name: str, url: str, transport: str) -> subprocess.Popen:
    """A process that collects the stage."""
    endpoint = {"base_url": url, "model": "sim-small", "key_variable": None, "concurrency": 16, "timeout_s": 60,
                "retries": 50, "parameters": {}, "transport": transport}  # fmt: skip
    settings = {"seed": 1, "mode": "live", "roles": {"answerer": "large"}, "endpoints": {"large": endpoint}}
    command = [sys.executable, "-c", DRIVER, "collect", "toy", "--settings", json.dumps(settings), "--quiet"]
    command += ["--templates", str(folder / "templates"), "--read", f"texts={folder / 'texts.csv'}"]
    command += ["--ledger", str(folder / name), "--sealed", str(folder / f"{name}.parquet")]
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def answered(client: openai.OpenAI) -> tuple[Counter, Counter]:
    """How often each request was answered, and how the batches ended."""
    requests, ends = Counter(), Counter()
    for batch in client.batches.list(limit=100):
        ends[batch.status] += 1
        if batch.output_file_id:
            lines = client.files.content(batch.output_file_id).content.splitlines()
            requests.update(json.loads(line)["custom_id"] for line in lines)
    return requests, ends


def main() -> None:
    """Kill, resume, count; exit with an error if anything was paid for twice or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng, start = random.Random(chosen.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder, chosen.calls, rng)
        command = [sys.executable, "-m", "persona_lib.cli", "simulate", "--faults", str(folder / "faults.yaml")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as server:
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
            n_kills = 0
            while (run := started(folder, "killed", url, "batch")).poll() is None:
                try:
                    run.wait(timeout=rng.uniform(1, 4) if n_kills < chosen.kills else None)
                    break
                except subprocess.TimeoutExpired:
                    run.send_signal(signal.SIGKILL)
                    run.wait()
                    n_kills += 1
            assert run.returncode == 0, f"the last run ended with {run.returncode}"
            assert started(folder, "calm", url, "chat").wait() == 0
            with openai.OpenAI(base_url=url, api_key="none") as client:
                requests, ends = answered(client)
            server.stdin.close()
        twice = [key for key, n in requests.items() if n > 1]
        same = (folder / "killed.parquet").read_bytes() == (folder / "calm.parquet").read_bytes()
        print(f"{n_kills} kills, {chosen.calls} calls, {sum(ends.values())} batches {dict(ends)}")
        print(f"answered {len(requests)}, more than once {len(twice)}, same bytes as by chat {same}")
        print(f"{time.monotonic() - start:.0f} s")
        assert n_kills == chosen.kills, "it ended before all kills: give it more calls"
        assert len(requests) == chosen.calls and not twice and same


if __name__ == "__main__":
    main()

"""Kill -9 a collection at random moments under a storm of faults; compare with an undisturbed run.

    python benchmarks/kill_collect.py --kills 200 --calls 20000

The stage is a chain of two steps, so that the second half of the calls depends on answers of the first. A fifth
of the calls fails (see loopback.py). After each kill the ledger on disk is read: no answer that was durable
before may be missing, and none may have been sent, and charged for, again. At the end the sealed ledger and a
table made from its replay must have the bytes of a run that nobody disturbed, over a server without faults.
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
from pathlib import Path

import pandas as pd
from loopback import Server

from persona_lib.ledger import live
from persona_lib.ledger.replay import replay

ROOT = Path(__file__).parents[1]
DRIVER = """
import sys
from persona_lib import cli
from persona_lib.commands.collect import STAGES
STAGES["toy"] = "toy:collect"
sys.exit(cli.main())
"""
FORM = "version: 1\\nsource: ours\\nleast_max_tokens: 8\\nsystem: ''\\nuser: '{{prompt}}'\\n"
STAGE = """
import pandas as pd

BLOCK = 1000

def collect(tables, settings, *, shard, of, ask):
    ask_all(tables["texts"]["text"], ask)

def ask_all(texts, ask):
    found = []
    for start in range(0, len(texts), BLOCK):
        slots = [{"prompt": text} for text in texts[start : start + BLOCK]]
        first = ask(pd.DataFrame({"endpoint": "large", "template": "answer", "slots": slots}))
        again = [{"prompt": text} for text in first["text"]]
        found += [first, ask(pd.DataFrame({"endpoint": "large", "template": "answer", "slots": again, "sample": 1}))]
    return pd.concat(found, ignore_index=True)
"""


def prepare(folder: Path, n_calls: int) -> None:
    """The stage, its template and its table."""
    (folder / "toy.py").write_text(STAGE)
    (folder / "templates").mkdir()
    (folder / "templates" / "answer.yaml").write_text(FORM)
    texts = [f"question {number} {{{{prompt}}}} é \x22quoted\x22" for number in range(n_calls // 2)]
    pd.DataFrame({"text": texts}).to_csv(folder / "texts.csv", index=False)


def started(folder: Path, name: str, url: str) -> subprocess.Popen:
    """A process that collects the stage."""
    endpoint = {"base_url": url, "model": "m", "key_variable": None, "concurrency": 16, "timeout_s": 10,
                "retries": 50, "parameters": {"temperature": 1.0}}  # fmt: skip
    settings = {"seed": 1, "mode": "live", "roles": {"answerer": "large"}, "endpoints": {"large": endpoint}}
    command = [
        *(sys.executable, "-c", DRIVER, "collect", "toy", "--settings", json.dumps(settings), "--quiet"),
        *("--templates", str(folder / "templates"), "--read", f"texts={folder / 'texts.csv'}"),
        *("--ledger", str(folder / name), "--sealed", str(folder / name / "toy.parquet")),
        *("--log", str(folder / name / "log")),
    ]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"})


def results(folder: Path, name: str) -> tuple[bytes, bytes]:
    """The sealed ledger, and the table that its replay gives, in bytes."""
    sys.path.insert(0, str(folder))
    from toy import ask_all

    texts = pd.read_csv(folder / "texts.csv", dtype=str)["text"]
    table = ask_all(texts, replay(folder / name / "toy.parquet"))
    return (folder / name / "toy.parquet").read_bytes(), table.to_parquet()


def durable(folder: Path, name: str) -> set[str]:
    """What the ledger on disk holds, as the server names it; a torn tail left out."""
    found = set()
    for path in (folder / name).glob("*.jsonl"):
        for _, record in live.lines(path):
            found.add(f"{record['request']['sample']} {record['request']['messages'][-1]['content']}")
    return found


def main() -> None:
    """Print a line every 20 kills; fail at the first loss, double charge or difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="persona-kill-") as name:
        folder = Path(name)
        prepare(folder, args.calls)
        with Server() as calm:
            if started(folder, "calm", calm.url).wait():
                sys.exit("the undisturbed run failed")
        with Server(latency_ms=20, storm=0.2, port=calm.port) as storm:
            safe, charged, n_kills, n_torn = set(), {}, 0, 0
            while n_kills < args.kills:
                run, begun = started(folder, "killed", storm.url), time.monotonic()
                if rng.random() < 0.1:  # some while it still starts
                    time.sleep(rng.uniform(0, 2))
                else:
                    enough = storm.read("calls") + rng.randrange(1, max(2, 2 * args.calls // args.kills))
                    while run.poll() is None and storm.read("calls") < enough:
                        time.sleep(0.005)
                if run.poll() is not None:
                    print(f"the run ended by itself after {n_kills} kills", flush=True)
                    break
                run.send_signal(signal.SIGKILL)
                run.wait()
                n_kills += 1
                n_torn += sum(live._is_torn(path) for path in (folder / "killed").glob("*.jsonl"))
                now, paid = durable(folder, "killed"), storm.read("paid")
                if lost := safe - now:
                    sys.exit(f"kill {n_kills}: lost {len(lost)} durable answers, such as {min(lost)}")
                if again := [key for key in safe if paid[key] != charged[key]]:
                    sys.exit(f"kill {n_kills}: {len(again)} durable answers were charged again, such as {again[0]}")
                safe, charged = now, {key: paid[key] for key in now}
                if n_kills % 20 == 0:
                    print(
                        f"{n_kills} kills, {len(safe)} durable, last run {time.monotonic() - begun:.1f} s", flush=True
                    )
            if started(folder, "killed", storm.url).wait():
                sys.exit("the last run failed")
            paid, n_calls = storm.read("paid"), storm.read("calls")
        if again := [key for key in safe if paid[key] != charged[key]]:
            sys.exit(f"the last run: {len(again)} durable answers were charged again, such as {again[0]}")
        if results(folder, "killed") != results(folder, "calm"):
            sys.exit("the results differ from those of the undisturbed run")
        print(
            f"{n_kills} kills, {n_torn} torn tails, {n_calls} calls, {sum(paid.values())} whole answers to {len(paid)} "
            f"requests: none durable was lost or charged again; sealed ledger and table have the same bytes"
        )


if __name__ == "__main__":
    main()

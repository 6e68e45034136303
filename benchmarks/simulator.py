"""What a simulated call costs: by role without HTTP, and through the asker with a server or inside the process.

    python benchmarks/simulator.py --calls 3000

Prints one JSON object, in CPU seconds per 1,000 calls. `roles`: `roles.reply` on requests of the demo's kinds, new
personas, prompts and answers in each. `server` and `inside`: judgements through `asker.Asker` with a durable ledger and
the official client, the server's own process included; each in a fresh process, in turn.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
EXPECTED, TEMPLATES = ROOT / "data" / "expected" / "demo", ROOT / "data" / "templates"
ENDPOINT = {"base_url": "simulator", "model": "sim-medium", "key_variable": None, "concurrency": 32, "timeout_s": 60,
            "retries": 5, "parameters": {"temperature": 1.0, "max_tokens": 1024}}  # fmt: skip


def cells(n: int) -> list[dict[str, str]]:
    """The slots of n requests: persona x prompt, with an answer, an other answer, a critique and a summary."""
    described = pd.read_parquet(EXPECTED / "personas.parquet")["description"].tolist()
    prompts = pd.read_csv(ROOT / "data" / "prompts" / "bank.csv", dtype=str)["text"].tolist()
    rng = np.random.default_rng(0)
    return [
        {
            "persona": described[rng.integers(len(described))],
            "prompt": prompts[rng.integers(len(prompts))],
            "topics": "Managing Relationships\nClimate Change\nJob Search",
        }
        for i in range(n)
    ]


def by_role(n: int) -> dict[str, float]:
    """CPU seconds per 1,000 replies of each role, in an order in which each has what it needs."""
    from persona_lib.messages.templates import load as load_templates
    from persona_lib.messages.templates import render
    from persona_lib.simulator import roles
    from persona_lib.simulator.forms import Forms
    from persona_lib.simulator.world import load

    forms, words, who, rows = Forms(), load_templates(TEMPLATES), load().models["sim-large"], cells(n)
    chain = [("answer", "answer"), ("critique_paper", "critique"), ("revise", "answer_b"), ("judge", ""),
             ("summarise", "summary"), ("answer_from_summary", ""), ("answer_output_only", ""),
             ("answer_chain_of_thought", ""), ("answer_divergent", ""), ("examine", ""), ("find_dropped", ""),
             ("check_consistency", ""), ("classify_prompt", ""), ("write_traits", "")]  # fmt: skip
    spent = {}
    for name, slot in chain:
        asked = []
        for row in rows:
            row["answer_a"] = row.get("answer", "")
            asked.append(list(render(words[name], {key: row[key] for key in words[name].slots})))
        start = time.process_time()
        said = [roles.reply(forms, who, messages).text for messages in asked]
        spent[name] = round((time.process_time() - start) / n * 1000, 3)
        for row, text in zip(rows, said, strict=True):
            if slot:
                row[slot] = text
    return spent


def through_the_asker(way: str, n: int, out: multiprocessing.SimpleQueue) -> None:
    """Judge n pairs of answers by a way; puts CPU seconds per 1,000 calls, children included, and calls a second."""
    from persona_lib.asking import asker
    from persona_lib.ledger.live import Ledger
    from persona_lib.messages.endpoint import read_endpoints
    from persona_lib.messages.templates import load
    from persona_lib.simulator import version

    answers = pd.read_parquet(EXPECTED / "answers.parquet").query("status == 'ok'")["text"].tolist()
    rng = np.random.default_rng(1)
    slots = [
        {"persona": c["persona"], "prompt": c["prompt"], "answer_a": answers[rng.integers(len(answers))],
         "answer_b": answers[rng.integers(len(answers))]}
        for c in cells(n)
    ]  # fmt: skip
    asked = pd.DataFrame({"endpoint": "medium", "template": "judge", "slots": slots, "sample": 0})
    known = read_endpoints({"medium": {**ENDPOINT, "model": f"sim-medium@{version()}"}})
    with tempfile.TemporaryDirectory() as folder:
        inside = None
        if way == "inside":
            from persona_lib.simulator.inside import transport

            inside = transport(TEMPLATES)
        ready, start = used(), time.perf_counter()
        with (
            Ledger(folder, "bench", shard=0, of=1) as ledger,
            nullcontext() if inside else served() as address,
            asker.Asker(known, {"judge": "medium"}, load(TEMPLATES), ledger, mode="simulate", simulator=address,
                      transport=inside, quiet=True) as ask,
        ):  # fmt: skip
            found = ask(asked)
        wall = time.perf_counter() - start
    assert (found["status"] != "failed").all()
    out.put({"cpu_s_per_1000": round((used() - ready) / n * 1000, 2), "calls_per_s": round(n / wall)})


@contextmanager
def served() -> Iterator[str]:
    """A simulator in a process of its own, by its address."""
    command = [sys.executable, "-m", "persona_lib.cli", "simulate", "--templates", str(TEMPLATES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as server:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        server.stdin.close()


def used() -> float:
    """CPU seconds of this process and its ended children."""
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    n = parser.parse_args().calls
    found: dict = {"roles": by_role(min(n, 1000))}
    for way in ("server", "inside", "server", "inside"):
        out = multiprocessing.get_context("spawn").SimpleQueue()
        child = multiprocessing.get_context("spawn").Process(target=through_the_asker, args=(way, n, out))
        child.start()
        found.setdefault(way, []).append(out.get())
        child.join()
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()

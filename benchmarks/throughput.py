"""Calls a second and processor seconds per 1,000 calls: ours beside what users would pick instead.

    python benchmarks/throughput.py                          every client, latency 0 and 200 ms
    python benchmarks/throughput.py --clients openai ours    some of them
    python benchmarks/throughput.py --memory 10000 200000    peak memory of ours by number of calls

Each client is a process of its own that sends the same chat completions to the same loopback server (loopback.py)
with `--concurrency` calls at once. Only its own processor time counts, from after its imports to its last answer.
inspect_ai and curator live in environments of their own, made here from requirements-throughput.txt, one a line.
Ours keeps every answer in a durable ledger on the way; none of the others does.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from loopback import Server

HERE = Path(__file__).parent
ENVIRONMENTS = {"inspect_ai": 0, "curator": 1}  # client: line of requirements-throughput.txt
COSTLY = {"inspect_ai": 8, "curator": 4}  # so many times fewer calls
SYSTEM = "Be kind."
BLOCK = 10_000


def questions(n: int, first: int = 0) -> list[str]:
    """Texts of about 400 characters, all different."""
    return [
        f"Question {k}: " + "what would a careful person say of a tax on sugar? " * 8 for k in range(first, first + n)
    ]


def body(question: str) -> dict:
    """The chat completion that every client sends."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    return {"model": "m", "messages": messages, "temperature": 0.5, "seed": 0}


async def at_once(asked: Iterable[str], n: int, call: Callable[[str], Awaitable]) -> None:
    """Call for each text, n at a time."""
    rest = iter(asked)

    async def worker() -> None:
        for question in rest:
            await call(question)

    await asyncio.gather(*(worker() for _ in range(n)))


def bare_aiohttp(args: argparse.Namespace) -> Callable[[], None]:
    import aiohttp

    async def run() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=args.concurrency)) as session:

            async def call(question: str) -> None:
                async with session.post(f"{args.url}/chat/completions", json=body(question)) as reply:
                    await reply.json()

            await at_once(questions(args.calls), args.concurrency, call)

    return lambda: asyncio.run(run())


def plain_openai(args: argparse.Namespace) -> Callable[[], None]:
    import httpx2
    import openai

    kind = openai.DefaultAioHttpClient if args.client == "openai_aiohttp" else openai.DefaultAsyncHttpxClient

    async def run() -> None:
        n = args.concurrency
        http_client = kind(limits=httpx2.Limits(max_connections=n, max_keepalive_connections=n), trust_env=False)
        async with openai.AsyncOpenAI(api_key="none", base_url=args.url, http_client=http_client) as client:
            await at_once(questions(args.calls), n, lambda question: client.chat.completions.create(**body(question)))

    return lambda: asyncio.run(run())


def inspect_ai(args: argparse.Namespace) -> Callable[[], None]:
    import inspect_ai as library
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.solver import generate, system_message

    model = get_model("openai-api/loop/m", base_url=args.url, api_key="none")
    task = library.Task(
        dataset=[Sample(input=question) for question in questions(args.calls)],
        solver=[system_message(SYSTEM), generate()],
    )
    limits = {"max_connections": args.concurrency, "max_samples": args.concurrency, "max_tasks": 1}

    def run() -> None:
        (log,) = library.eval(
            task, model, log_dir=tempfile.mkdtemp(dir=args.folder), display="none", temperature=0.5, seed=0, **limits
        )
        assert log.status == "success"

    return run


def curator(args: argparse.Namespace) -> Callable[[], None]:
    import os

    folder = tempfile.mkdtemp(dir=args.folder)
    os.environ |= {"CURATOR_CACHE_DIR": folder, "CURATOR_DISABLE_RICH_DISPLAY": "1", "TELEMETRY_ENABLED": "false",
                   "CURATOR_VIEWER": "0", "OPENAI_API_KEY": "none", "HF_HUB_OFFLINE": "1"}  # fmt: skip
    import litellm

    # curator would fetch a tokenizer; the one that litellm carries is the same
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers")
    from bespokelabs import curator as library

    limits = {"max_requests_per_minute": 10**9, "max_tokens_per_minute": 10**12,
              "max_concurrent_requests": args.concurrency, "base_url": args.url}  # fmt: skip
    llm = library.LLM(
        model_name="gpt-4o-mini",
        backend="openai",
        system_prompt=SYSTEM,
        backend_params=limits,
        generation_params={"temperature": 0.5, "seed": 0},
    )
    asked = questions(args.calls)
    return lambda: llm(asked)


def ours(args: argparse.Namespace) -> Callable[[], None]:
    import openai  # noqa: F401  its import is no part of a call
    import pandas as pd

    from persona_lib.asking.asker import Asker
    from persona_lib.ledger.live import Ledger
    from persona_lib.messages.endpoint import Endpoint
    from persona_lib.messages.templates import Template

    endpoint = Endpoint("large", "m", base_url=args.url, concurrency=args.concurrency, parameters={"temperature": 0.5})
    form = Template("answer", 1, "ours", SYSTEM, "{{prompt}}")

    def run() -> None:
        with (
            tempfile.TemporaryDirectory(dir=args.folder) as folder,
            Ledger(folder, "toy", shard=0, of=1) as ledger,
            Asker({"large": endpoint}, {"answerer": "large"}, {"answer": form}, ledger, quiet=True) as ask,
        ):
            for first in range(0, args.calls, BLOCK):
                slots = [{"prompt": text} for text in questions(min(BLOCK, args.calls - first), first)]
                replies = ask(pd.DataFrame({"endpoint": "large", "template": "answer", "slots": slots}))
                assert (replies["status"] == "ok").all()

    return run


CLIENTS = {
    "aiohttp": bare_aiohttp,
    "openai": plain_openai,
    "openai_aiohttp": plain_openai,
    "inspect_ai": inspect_ai,
    "curator": curator,
    "ours": ours,
}


def measure(args: argparse.Namespace) -> None:
    """Be one client and print what it took as JSON."""
    run = CLIENTS[args.client](args)
    before, start = processor_s(), time.monotonic()
    run()
    took = {"wall_s": time.monotonic() - start, "processor_s": processor_s() - before}
    print(json.dumps(took | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def processor_s() -> float:
    """Processor seconds of this process and of its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def interpreter(client: str, environments: Path) -> str:
    """The Python that has a client, in an environment that is made if it is not there."""
    if client not in ENVIRONMENTS:
        return sys.executable
    wanted = (HERE / "requirements-throughput.txt").read_text().splitlines()[ENVIRONMENTS[client]].split()
    python = environments / client / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environments / client)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *wanted], check=True)
    return str(python)


def taken(client: str, url: str, n_calls: int, args: argparse.Namespace) -> subprocess.Popen:
    """A client's process."""
    command = [interpreter(client, args.environments), __file__, "--client", client, "--url", url]
    command += ["--calls", str(n_calls), "--concurrency", str(args.concurrency), "--folder", str(args.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process: subprocess.Popen) -> dict:
    """What a client's process took."""
    said, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{errors}\na client failed: {' '.join(process.args)}")
    return json.loads(said.strip().splitlines()[-1])


def compare(args: argparse.Namespace) -> None:
    """One line per latency and client, then ours in two processes."""
    print(f"{'latency':>8} {'client':<16} {'calls':>7} {'calls/s':>8} {'CPU-s/1000':>11} {'peak MB':>8}")
    for latency_ms in args.latencies:
        with Server(latency_ms=latency_ms) as server:
            for client in args.clients:
                n_calls = args.calls // COSTLY.get(client, 1)
                say(latency_ms, client, n_calls, [result(taken(client, server.url, n_calls, args))])
            if "ours" in args.clients and latency_ms == 0:
                two = [taken("ours", server.url, args.calls, args) for _ in range(2)]
                say(latency_ms, "ours, 2 at once", 2 * args.calls, [result(process) for process in two])


def say(latency_ms: float, client: str, n_calls: int, took: list[dict]) -> None:
    rate = n_calls / max(each["wall_s"] for each in took)
    processor = sum(each["processor_s"] for each in took) / n_calls * 1000
    peak = max(each["peak_mb"] for each in took)
    print(f"{latency_ms:>5g} ms {client:<16} {n_calls:>7} {rate:>8.0f} {processor:>11.2f} {peak:>8.0f}", flush=True)


def main() -> None:
    """Compare the clients, or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--calls", type=int, default=8000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--latencies", type=float, nargs="+", default=[0, 200], metavar="MS")
    parser.add_argument("--memory", type=int, nargs="+", metavar="CALLS", help="only the peak memory of ours")
    parser.add_argument("--folder", type=Path, default=Path(), help="a folder on the disk that the ledger is to be on")
    parser.add_argument("--environments", type=Path, default=HERE / ".venv-throughput")
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client:
        measure(args)
    elif args.memory:
        with Server() as server:
            for n_calls in args.memory:
                say(0, "ours", n_calls, [result(taken("ours", server.url, n_calls, args))])
    else:
        compare(args)


if __name__ == "__main__":
    main()

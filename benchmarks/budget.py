"""Processor time of what stands before and beside the calls: counting them beforehand, and keeping the cap.

python benchmarks/budget.py --requests 50000
"""

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd

from persona_lib.asking.budget import Budget
from persona_lib.asking.prices import read_prices
from persona_lib.cost.dry_run import DryRun
from persona_lib.cost.plan import read_lengths
from persona_lib.ledger.live import Ledger
from persona_lib.messages.endpoint import Endpoint
from persona_lib.messages.request import Reply
from persona_lib.messages.templates import load

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "data" / "reference"
MINE = Endpoint("mine", "m", base_url="http://x/v1", price="gpt-4o-mini", parameters={"max_tokens": 16})
REPLY = Reply("ok", text='{"choice": "A"}', tokens_in=900, tokens_out=8)


def dry_run_s(folder: str, n: int) -> float:
    """Of playing through so many different judgements over an empty ledger, without asking."""
    templates = load(ROOT / "data" / "templates")
    text = "Attribute: value of some length\n" * 33
    slots = [{name: f"{text}{number}" for name in templates["judge"].slots} for number in range(n)]
    rows = pd.DataFrame({"endpoint": "mine", "template": "judge", "slots": slots})
    with Ledger(folder, "toy", shard=0, of=1) as ledger:
        lengths = read_lengths(REFERENCE / "typical_lengths.csv")
        ask = DryRun({"mine": MINE}, {"judge": "mine"}, templates, ledger, lengths=lengths)
        before = time.process_time()
        ask(rows)
        took = time.process_time() - before
    assert ask.missing == {("mine", "judge"): (n, ask.missing["mine", "judge"][1])}
    return took


def budget_s(folder: str, n: int) -> float:
    """Of admitting and charging so many calls under a cap that all of them fit in."""
    prices = read_prices(REFERENCE / "prices.csv")
    with Budget(Path(folder) / "toy-0-of-1.jsonl", {"mine": MINE}, prices, asked=["mine"], cap_usd=1e6) as budget:
        before = time.process_time()
        for _ in range(n):
            assert budget.stop_reason("mine") is None
            budget.charge(REPLY, MINE)
        return time.process_time() - before


def main() -> None:
    """Print microseconds a request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    chosen = parser.parse_args()
    for name, measure in (("playing through", dry_run_s), ("keeping the cap", budget_s)):
        with tempfile.TemporaryDirectory() as folder:
            print(
                f"{name}: {measure(folder, chosen.requests) / chosen.requests * 1e6:.1f} microseconds of CPU a request"
            )


if __name__ == "__main__":
    main()

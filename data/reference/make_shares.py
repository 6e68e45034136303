"""Make persona_lib/simulator/shares.yaml: how common every value of every attribute is among the persons of a census.

    python data/reference/make_shares.py

Draws persons from the demo's table `census` and completes them as notebook 03 does, without any model. The same
tables give the same bytes.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from persona_lib.sampling.population import draw  # noqa: E402
from persona_lib.simulator.world import declared  # noqa: E402
from persona_lib.synthesis.personas import apply_rules, complete  # noqa: E402
from persona_lib.tables.descriptions import describe  # noqa: E402
from persona_lib.tables.schema import attributes, read  # noqa: E402

N, SEED = 40_000, 1
RAREST = 0.001  # of the attributes whose values have no order: rarer ones are left out
WRITTEN = "personal_time"  # by a model, in words of its own
SCORED = {*declared("world.yaml")["ordered"], "big_five"}
HEAD = f"""\
# Shares of values among adults: {N:,} draws by weight from the shipped census sample, completed from the lists and
# coefficients of data/reference and passed by the rules; written by data/reference/make_shares.py. World reads them to
# centre the effects of an attribute and to give them the spread that its weight stands for. Values in lower case; of an
# attribute without order those below {RAREST} are left out; incomes are rounded to two digits.
"""


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(REPO / f"data/reference/{name}.csv", dtype=str, keep_default_na=False)


def persons() -> pd.DataFrame:
    """One column per attribute, one row per person, as a description says them."""
    files = {"quirks": "quirks", "mannerisms": "mannerisms", "lifestyles": "lifestyle", "core_values": "core_values"}
    files["personal_time"] = "personal_time"
    lists = {name: table(f"traits_{file}") for name, file in files.items()}
    known = table("chain_coefficients"), table("big_five_norms")
    census = read(REPO / "data/expected/demo/census.parquet", "census")
    draws = draw(census, n_draws=N, seed=SEED)
    made = complete(draws, census, *known, lists, big_five="correlated", seed=SEED)
    made = apply_rules(made).query("rule_id == ''")
    attribute_of = dict(zip(attributes()["label"], attributes()["attribute"], strict=True))
    lines = [[line.partition(": ") for line in text.split("\n")] for text in describe(made, without=(WRITTEN,))]
    return pd.DataFrame([{attribute_of[label]: value.casefold() for label, _, value in row} for row in lines])


def rounded(value: str) -> str:
    """An income of two digits: `$25,000 a year` for `$25,226 a year`."""
    return re.sub(r"\d+", lambda digits: f"{float(f'{float(digits[0]):.1e}'):,.0f}", value.replace(",", ""), count=1)


def main() -> None:
    told = [HEAD]
    for name, values in persons().items():
        values = values.map(rounded) if name == "income_usd" else values
        shares = values.value_counts(normalize=True).sort_index().sort_values(ascending=False, kind="stable")
        kept = shares if name in SCORED else shares[shares >= RAREST]
        if len(kept):
            told.append(f"{name}:\n" + "".join(f"  {_quoted(value)}: {share:.5f}\n" for value, share in kept.items()))
    (REPO / "persona_lib/simulator/shares.yaml").write_text("".join(told), "utf-8")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    main()

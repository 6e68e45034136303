"""What parts of a run cost by themselves: the whole, a pilot of the feedback, and the judging of each notebook."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from persona_lib.cost.plan import ENDS, QUANTITIES, totals

# Templates that ask for a verdict on answers.
JUDGES = ("judge", "judge_no_persona", "judge_certainty", "nearer", "examine", "find_dropped")
JUDGED_IN = {"validation": "06", "pool": "07", "ablation": "08", "benchmark": "09", "pass_at_k": "10", "survey": "12"}
WHOLE, PILOT = "whole run", "pilot"
_PILOT: dict[str, dict] = {
    "personas": {"n": 100, "n_train": 63},
    "prompts": {"n": 20, "n_train": 15},
    "feedback": {"n_train_pairs": 10, "n_heldout_pairs": 5, "n_heldout_prompts": 5},
}


def pilot(settings: Mapping) -> dict:
    """The configuration of a pilot: feedback of 100 personas on 20 prompts each, 2,000 pairs."""
    return {**settings, **{block: {**settings[block], **sizes} for block, sizes in _PILOT.items()}}


def parts(planned: pd.DataFrame, of_pilot: pd.DataFrame) -> pd.DataFrame:
    """Calls, tokens and cost of each part of a run.

    Parameters
    ----------
    planned : the plan of the whole run, from nothing
    of_pilot : the plan of the configuration `pilot`; its stage `feedback` counts

    Returns
    -------
    Indexed by part: whole run, pilot, and for each notebook that judges `NN judging`; calls, tokens_in, tokens_out and
    cost_usd, each with _low, _expected, _high. A cost is NaN where one of its steps has no known price.
    """
    names = [f"{quantity}_{end}" for quantity in QUANTITIES for end in ENDS]
    verdicts = planned[planned["template"].isin(JUDGES)]
    of = {WHOLE: planned, PILOT: of_pilot[of_pilot["stage"] == "feedback"]}
    of |= {f"{notebook} judging": verdicts[verdicts["stage"] == stage] for stage, notebook in JUDGED_IN.items()}
    rows = [totals(rows)[names].assign(part=part) for part, rows in of.items()]
    return pd.concat(rows).set_index("part")


def at_prices(found: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """What each part would cost, expected, in USD and chat by chat, at each price that is known.

    Returns
    -------
    Indexed by price; as_of, and one column a part.

    Examples
    --------
    A million tokens in and 100,000 out at 2.50 and 10 USD a million.

    >>> found = pd.DataFrame({"tokens_in_expected": [1e6], "tokens_out_expected": [1e5]}, index=["pilot"])
    >>> prices = pd.DataFrame({"price": ["a"], "as_of": ["2026-01-01"], "input_usd": [2.5], "output_usd": [10.0]})
    >>> at_prices(found, prices).loc["a", "pilot"]
    np.float64(3.5)
    """
    known = prices.dropna(subset=["input_usd", "output_usd"]).set_index("price")
    cost = {
        part: (row["tokens_in_expected"] * known["input_usd"] + row["tokens_out_expected"] * known["output_usd"]) / 1e6
        for part, row in found.iterrows()
    }
    return pd.DataFrame({"as_of": known["as_of"], **cost})


def sentences(found: pd.DataFrame, prices: pd.DataFrame) -> str:
    """The parts and what they would cost, as text: calls and tokens first, then USD at each price."""
    head = f"{'':<20}" + "".join(f"{part:>13}" for part in found.index)
    lines = ["from nothing, expected (pilot: feedback of 100 personas on 20 prompts each)", "", head]
    for label, column, unit in (
        ("calls", "calls_expected", 1),
        ("tokens in, 1,000s", "tokens_in_expected", 1000),
        ("tokens out, 1,000s", "tokens_out_expected", 1000),
    ):
        lines.append(f"{label:<20}" + "".join(f"{value / unit:>13,.0f}" for value in found[column]))
    lines += ["", "USD, chat by chat, were every call made by one model:"]
    for price, row in at_prices(found, prices).iterrows():
        lines.append(
            f"{price:<20}" + "".join(f"{row[part]:>13,.2f}" for part in found.index) + f"  as of {row['as_of']}"
        )
    return "\n".join(lines)

"""What a run would still cost: the plan of its configuration, net of what its folder holds, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from persona_lib import plan as plans
from persona_lib import request as words
from persona_lib import spending, usage
from persona_lib.plan import ENDS, QUANTITIES
from persona_lib.prompts import read_bank, screen
from persona_lib.templates import Template


def quote(
    settings: Mapping,
    folder: str | Path,
    *,
    templates: Mapping[str, Template],
    lengths: pd.DataFrame,
    prices: pd.DataFrame,
) -> pd.DataFrame:
    """Table `plan` of a whole configuration, net: answers of `folder`/ledger are not asked again.

    A stage that is sealed in `folder`/sealed has nothing left to ask.

    Raises
    ------
    SpendError, LedgerError, RequestError, SchemaError
        A price, a ledger, an endpoint or the prompt bank cannot be used.
    """
    folder = Path(folder)
    n_bank = int((screen(read_bank(settings["prompts"]["bank"]))["reason"] == "").sum())
    found = plans.estimate(
        plans.planned_calls(settings, n_bank=n_bank),
        templates=templates,
        endpoints=words.endpoints(settings["endpoints"]),
        lengths=lengths,
        prices=prices,
        measured=usage.measured(sorted((folder / "ledger").glob("*.jsonl")), templates),
    )
    done = {path.stem for path in (folder / "sealed").glob("*.parquet")}
    names = [f"{quantity}_{end}" for quantity in QUANTITIES for end in ENDS]
    found.loc[found["stage"].isin(done), names] = 0
    return found


def unpaid(plan: pd.DataFrame) -> bool:
    """Whether what is left of a plan may cost money: a cost above 0, or one that is not known."""
    return bool((plan["cost_usd_high"].ne(0) & plan["calls_high"].gt(0)).any())


def sentences(plan: pd.DataFrame, settings: Mapping, prices: pd.DataFrame) -> str:
    """A plan as a table of text, stage by stage, with its sum, the prices it rests on, and what is unknown."""
    per_stage, whole = plans.totals(plan, ["stage"]), plans.totals(plan).iloc[0]
    lines = [f"run {settings['run']}: what is left to ask, low / expected / high", ""]
    lines.append(f"{'stage':<12}{'held':>9}  {'calls':>29}  {'tokens in, thousands':>26}  {'out':>24}  {'USD':>26}")
    for name, row in [*per_stage.iterrows(), ("together", whole)]:
        lines.append(
            f"{name:<12}{int(row['n_answered']):>9,}  {_three(row, 'calls'):>29}  "
            f"{_three(row, 'tokens_in', 1000):>26}  {_three(row, 'tokens_out', 1000):>24}  {_usd(row):>26}"
        )
    asked = plan[plan["calls_high"].gt(0)]["endpoint"].unique()
    endpoints = {alias: e for alias, e in words.endpoints(settings["endpoints"]).items() if alias in asked}
    dated = prices.set_index("price")["as_of"]
    lines.append("")
    for alias, endpoint in endpoints.items():
        if endpoint.base_url == words.SIMULATOR:
            said = "simulated, costs nothing"
        elif spending.price_of(endpoint, prices) is None:
            said = "price unknown (endpoints.*.price), so every sum with it is"
        else:
            said = f"price {endpoint.price} as of {dated[endpoint.price]}{', batch' * (endpoint.transport == 'batch')}"
        lines.append(f"{alias}: {endpoint.model}, {said}")
    cap = settings["spend"]["cap_usd"]
    lines.append("no cap (spend.cap_usd)" if cap is None else f"capped at USD {cap:,.2f} for the whole run")
    return "\n".join(lines)


def _three(row: pd.Series, quantity: str, unit: int = 1) -> str:
    return " / ".join(f"{row[f'{quantity}_{end}'] / unit:,.0f}" for end in ENDS)


def _usd(row: pd.Series) -> str:
    if pd.isna(row["cost_usd_expected"]):
        return "unknown"
    return " / ".join(f"{row[f'cost_usd_{end}']:,.2f}" for end in ENDS)

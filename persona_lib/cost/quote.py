"""What a run would still cost: the plan of its configuration, net of what its folder holds, and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from persona_lib.asking.prices import price_of
from persona_lib.cost import plan as plans
from persona_lib.cost.plan import ENDS, QUANTITIES
from persona_lib.ledger import live as ledgers
from persona_lib.ledger import sealed
from persona_lib.messages import request as words
from persona_lib.messages.ask import Roles
from persona_lib.messages.check_form import FORM
from persona_lib.messages.endpoint import SIMULATOR, Endpoint, model_of, read_endpoints, used
from persona_lib.messages.templates import Template
from persona_lib.stages.prompts import read_bank, screen

_KEY = ["stage", "template", "endpoint"]


def quote(
    settings: Mapping,
    folder: str | Path | None,
    *,
    templates: Mapping[str, Template],
    lengths: pd.DataFrame,
    prices: pd.DataFrame,
) -> pd.DataFrame:
    """Table `plan` of a whole configuration, net: answers of `folder`/ledger are not asked again.

    A stage that was sealed in `folder`/sealed with these roles, endpoints and templates has nothing left
    to ask. Answers that other sizes, another seed or other prompts make useless are still taken for
    answers: what a run may cost at most is its plan without a folder (None), which nets nothing.

    Raises
    ------
    SpendError, LedgerError, RequestError, SchemaError
        A price, a ledger, an endpoint or the prompt bank cannot be used.
    """
    endpoints = read_endpoints(settings["endpoints"])
    live = [] if folder is None else sorted((Path(folder) / "ledger").glob("*.jsonl"))
    ended = [] if folder is None else sorted((Path(folder) / "sealed").glob("*.parquet"))
    n_bank = int((screen(read_bank(settings["prompts"]["bank"]))["reason"] == "").sum())
    found = plans.estimate(
        plans.planned_calls(settings, n_bank=n_bank),
        templates=templates,
        endpoints=endpoints,
        lengths=lengths,
        prices=prices,
        measured=measured(live, templates, endpoints),
    )
    done = [path.stem for path in ended if _was_so(sealed.facts(path), settings["roles"], endpoints, templates)]
    names = [f"{quantity}_{end}" for quantity in QUANTITIES for end in ENDS]
    found.loc[found["stage"].isin(done), names] = 0
    steps = found[found["stage"] != plans.CHECK]
    for row, before in found[found["stage"] == plans.CHECK].to_dict("index").items():
        own = steps[steps["endpoint"] == before["endpoint"]]
        share = own.loc[own["calls_high"] > 0, "stage"].nunique() / own["stage"].nunique()
        for name in names:  # a stage that asks nothing checks nothing
            found.loc[row, name] = type(before[name])(before[name] * share)
    return found


def too_short(plan: pd.DataFrame, settings: Mapping, templates: Mapping[str, Template]) -> list[str]:
    """Where a configuration gives fewer tokens than a template needs at least: a sentence per endpoint."""
    endpoints, forms = read_endpoints(settings["endpoints"]), {**templates, FORM.name: FORM}
    said = []
    for alias, rows in plan[plan["calls_high"].gt(0)].groupby("endpoint", sort=False):
        most = plans.reply_limit(endpoints[alias])
        needed = {name: forms[name].least_max_tokens for name in rows["template"].unique()}
        if short := [f"{name} {n}" for name, n in needed.items() if n > most]:
            what = f"endpoints.{alias}.parameters: replies of at most {most:g} tokens are too short for some templates"
            said.append(f"{what}, which need at least: {', '.join(short)}; raise max_tokens")
    return said


def _was_so(facts: Mapping, roles: Roles, endpoints: Mapping[str, Endpoint], templates: Mapping[str, Template]) -> bool:
    """Whether a stage was asked with the roles, models, parameters and texts of today."""
    asked = {
        alias: endpoint | {"model": model_of(endpoint["model"], endpoints[alias])}
        for alias, endpoint in facts["endpoints"].items()
        if alias in endpoints
    }
    now = {alias: endpoint.recorded() for alias, endpoint in used(endpoints, roles).items()}
    texts = {name: templates[name].to_dict() for name in facts["templates"] if name in templates}
    then = [facts["roles"], asked, facts["templates"]]
    return words.canonical(then) == words.canonical([dict(roles), now, texts])


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
    endpoints = {alias: e for alias, e in read_endpoints(settings["endpoints"]).items() if alias in asked}
    dated = prices.set_index("price")["as_of"]
    lines.append("")
    for alias, endpoint in endpoints.items():
        if endpoint.base_url == SIMULATOR:
            said = "simulated, costs nothing"
        elif price_of(endpoint, prices) is None:
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


def measured(
    paths: Iterable[str | Path], templates: Mapping[str, Template], endpoints: Mapping[str, Endpoint]
) -> pd.DataFrame:
    """Final answers of live ledgers and the tokens of one call; an answer in two shards counts once.

    The template of a request is told by its fixed text; one that no template has now is left out,
    since it is asked anew, and so is one whose endpoint has another model or other parameters now.
    Tokens come from answers whose endpoint counts them.

    Returns
    -------
    One row per stage, template and endpoint: n (answers), and of the tokens of one call the 10 %
    quantile (tokens_in_low, tokens_out_low), the mean (_expected) and the 90 % quantile (_high).
    """
    named = {template.system: template.name for template in templates.values()}
    seen: set[str] = set()
    rows = []
    for path in map(Path, paths):
        stage = path.stem.rsplit("-", 3)[0]
        for _, record in ledgers.lines(path):
            reply, request = record["reply"], record["request"]
            template = named.get(request["messages"][0]["content"])
            is_asked_anew = template is None or not _is_as_configured(request, endpoints.get(request["endpoint"]))
            is_asked_anew |= request.get("repairs") is not None  # it belongs to the answer that it repairs
            if is_asked_anew or reply["status"] == "failed" or record["hash"] in seen:
                continue
            seen.add(record["hash"])
            rows.append((stage, template, request["endpoint"], reply["tokens_in"], reply["tokens_out"]))
    table = pd.DataFrame(rows, columns=[*_KEY, "tokens_in", "tokens_out"])
    table = table.astype({"tokens_in": "float64", "tokens_out": "float64"})
    groups = table.groupby(_KEY)
    found = {"n": groups.size()}
    for name in ("tokens_in", "tokens_out"):
        found[f"{name}_low"] = groups[name].quantile(0.1)
        found[f"{name}_expected"] = groups[name].mean()
        found[f"{name}_high"] = groups[name].quantile(0.9)
    return pd.DataFrame(found).reset_index()


def _is_as_configured(request: Mapping, endpoint: Endpoint | None) -> bool:
    if endpoint is None:
        return False
    return (model_of(request["model"], endpoint), request["parameters"]) == (endpoint.model, endpoint.parameters)

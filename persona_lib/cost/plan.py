"""What a configuration asks for, before anything is asked: calls, tokens and cost, low, expected and high.

Calls: the high number is the product that the configuration implies; steps that fail, equal requests
and rules that drop a row first make it less. Tokens: the words of the templates, and declared lengths
of what fills them and of the replies (`data/reference/typical_lengths.csv`), or, where a ledger holds
enough answers, their own. Cost: tokens times the dated price table; unknown is NaN, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from persona_lib.asking.prices import price_of
from persona_lib.messages.check_form import FORM, is_checked
from persona_lib.messages.endpoint import Endpoint, read_endpoints
from persona_lib.messages.request import canonical
from persona_lib.messages.templates import Template
from persona_lib.stages.feedback import pairs_each
from persona_lib.stages.history import KS
from persona_lib.stages.pass_at_k import ATTEMPTED, REEXAMINED
from persona_lib.stages.survey import GROUPS
from persona_lib.tables.groups import AT_MOST, MIN_GROUP
from persona_lib.tables.schema import attributes
from persona_lib.tables.values import PARTS

ENDS = ("low", "expected", "high")
QUANTITIES = ("calls", "tokens_in", "tokens_out", "cost_usd")
CHARACTERS_PER_TOKEN = {"low": 5.0, "expected": 4.2, "high": 3.3}  # English, by common tokenisers: about 4
GOES_ON = {"low": 0.85, "expected": 0.98, "high": 1.0}  # share of the rows that a step leaves to the next one
ASKED_AGAIN = {"low": 0.0, "expected": 0.05, "high": 1.0}  # of the further tries that are allowed, those made
REPAIRED = {"low": 0.0, "expected": 0.02, "high": 1.0}  # of the replies that must be JSON, those asked for once more
PASSES_RULES = {"low": 0.6, "expected": 0.9, "high": 1.0}  # share of the drawn persons that the rules keep
CHECK = "check"  # the stage, beside those that are collected, of the calls that check endpoints
ENOUGH = 30  # answers of a ledger that speak for themselves
_KEY = ["stage", "template", "endpoint"]
_SIZES = (("population", "n_draws"), ("personas", "n"), ("prompts", "n"))


def planned_calls(settings: Mapping, *, n_bank: int | None = None) -> pd.DataFrame:
    """Calls of each step of each collection stage, by the configuration alone.

    `n_bank` is how many prompts of the bank pass the rules and are classified; without it the
    number of prompts kept stands in, which is too low.

    Returns
    -------
    One row per stage, template and endpoint, in the order of asking: calls_low, calls_expected,
    calls_high and `multiplies`, how the high number comes about.

    Examples
    --------
    >>> from yaml import safe_load
    >>> calls = planned_calls(safe_load(open("config/demo.yaml")), n_bank=358)
    >>> int(calls[calls.stage == "benchmark"].calls_high.sum())
    1440
    """
    roles, feedback, pool = settings["roles"], settings["feedback"], settings["pool"]
    n_draws, n_personas, n_prompts = (settings[key][n] for key, n in _SIZES)
    n_heldout = n_prompts - settings["prompts"]["n_train"]
    n_pairs = n_personas * pairs_each(feedback)
    n_written = n_draws if settings["personas"]["model_stage"] else 0
    n_judged, n_items, n_panel = settings["validation"]["n_pairs"], pool["n_items"], pool["n_panel_personas"]
    n_named = sum(min(n_personas // MIN_GROUP, AT_MOST[attribute]) for attribute in pool["named_groups"])
    n_rated = pool["n_raters"] * n_panel * pool["n_panel_items"]
    n_given = min(pool["n_given_personas"], n_panel) * pool["n_panel_items"]
    n_ablated = len(settings["ablation"]["attributes"] or attributes())
    n_cells = (n_ablated + 1) * settings["ablation"]["n_personas"] * settings["ablation"]["n_questions"]
    cells = f"({n_ablated} attributes, placebo) x personas x questions"
    critique, again = f"critique_{feedback['template']}", feedback["max_retries"]
    n_asked = min(n_bank or n_prompts, settings["prompts"]["n_classified"] or math.inf)
    n_bench, n_tried = settings["benchmark"]["n_items"], settings["pass_at_k"]["n_items"]
    n_attempts, models = settings["pass_at_k"]["n_attempts"], roles["contestants"]
    n_examined = (len(ATTEMPTED) * n_attempts + len(REEXAMINED) * (n_attempts - 1)) * n_tried * len(models)
    survey = settings["survey"]
    n_survey, n_shown = survey["n_items"], survey["n_items"] * survey["n_personas"]
    n_past = survey["n_history_personas"] * survey["n_history_targets"]
    n_contests = settings["validation"]["n_contests"] if len(models) > 1 else 0
    n_known = 3 * min(settings["benchmark"]["n_calibration"], n_judged)
    rows = [  # stage, template, endpoints, steps before it that must be ok, calls at most, how they come about
        ("personas", "write_traits", roles["writer"], 0, n_written, "draws"),
        ("personas", "check_consistency", roles["filter"], 1, n_written, "draws"),
        ("prompts", "classify_prompt", roles["classifier"], 0, n_asked, "prompts that pass the rules"),
        ("feedback", "answer", roles["answerer"], 0, min(n_prompts, n_pairs), "prompts"),
        ("feedback", critique, roles["critic"], 1, n_pairs, "personas x pairs x tries"),
        ("feedback", "revise", roles["reviser"], 2, n_pairs, "personas x pairs"),
        ("feedback", "revise_again", roles["reviser"], 2, n_pairs, "personas x pairs x further tries"),
        ("validation", "judge", roles["judge"], 0, 7 * n_judged, "pairs x ((own persona, its values, another) x two "
         "orders, own again)"),
        ("validation", "judge_no_persona", roles["judge"], 0, 2 * n_judged, "pairs x two orders"),
        ("validation", "judge_certainty", roles["judge"], 0, n_judged, "pairs"),
        ("validation", "answer_output_only", models, 0, n_contests, "items of contests"),
        ("validation", "judge", models, 1, n_contests * math.comb(len(models), 2), "items x every two contestants"),
        ("pool", "answer", roles["answerer"], 0, n_items, "items"),
        ("pool", "answer_divergent", roles["answerer"], 1, n_items, "items"),
        ("pool", "judge", roles["panel"][0], 2, (n_personas + (len(PARTS) + 1) * n_panel) * n_items, "(every persona, "
         "panel personas again and by three parts of their descriptions) x items"),
        ("pool", "judge", roles["panel"][1:], 2, n_panel * n_items, "panel personas x items"),
        ("pool", "judge", roles["raters"], 2, n_rated, "raters x panel personas x panel items"),
        ("pool", "ask_share", roles["panel"], 2, n_items, "items, everybody"),
        ("pool", "ask_share", roles["panel"][0], 2, n_named * n_items, "named groups at most x items"),
        ("pool", "answer_output_only", models, 2, n_given, "panel personas at most x panel items"),
        ("pool", "nearer", roles["examiner"], 3, n_given * len(models), "panel personas at most x panel items x "
         "models"),
        ("ablation", critique, roles["critic"], 1, n_cells, f"{cells} x tries"),
        ("ablation", "revise", roles["reviser"], 2, n_cells, cells),
        ("ablation", "revise_again", roles["reviser"], 2, n_cells, f"{cells} x further tries"),
        ("ablation", "judge", roles["judge"], 1, 8 * n_cells, f"{cells} x four arms x (revised pairs, pool's pairs)"),
        ("benchmark", "answer", models, 0, min(n_bench, n_heldout), "held-out prompts, items at most"),
        ("benchmark", "answer_output_only", models, 0, n_bench, "items"),
        ("benchmark", "answer_chain_of_thought", models, 0, n_bench, "items"),
        ("benchmark", "summarise", models, 0, n_bench, "items"),
        ("benchmark", "answer_from_summary", models, 1, n_bench, "items"),
        ("benchmark", "examine", roles["examiner"], 1, 5 * n_bench * len(models), "items x models x (four modes, "
         "calibration)"),
        ("benchmark", "examine", roles["examiner"], 2, n_known, "calibration's pairs x (accepted, swapped, generic)"),
        ("benchmark", "find_dropped", roles["examiner"], 2, n_bench * len(models), "summaries"),
        ("pass_at_k", "answer_chain_of_thought", models, 0, n_tried * n_attempts, "items x attempts"),
        ("pass_at_k", "answer_output_only", models, 0, n_tried * n_attempts, "items x attempts"),
        ("pass_at_k", "answer", models, 0, min(n_tried, n_heldout) * n_attempts, "held-out prompts, items at most, x "
         "attempts"),
        ("pass_at_k", "examine", roles["examiner"], 1, n_examined, "items x models x (attempts in three modes, further "
         "examinations in two)"),
        ("survey", "survey_persona", roles["panel"][0], 0, 2 * n_shown, "personas x items, twice"),
        ("survey", "survey_persona", roles["panel"][1:], 0, n_shown, "personas x items"),
        ("survey", "survey_oneself", roles["panel"], 0, n_survey * survey["n_oneself"], "items x times as oneself"),
        ("survey", "survey_shares", roles["panel"], 0, n_survey * len(GROUPS), "items x groups of people"),
        ("survey", "judge", roles["panel"][0], 0, n_past * len(KS), "personas x choices x (1, 2, 4, 8 past ones, "
         "description)"),
        ("survey", "judge_no_persona", roles["panel"][0], 0, min(n_past, n_items), "pool items at most, nothing told"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=[*_KEY, "depth", "most", "multiplies"])
    table = table.explode("endpoint").dropna(subset="endpoint")  # a panel of one has no others
    table = pd.concat([table, _checks(table, settings)], ignore_index=True)
    for end in ENDS:
        share = table["depth"].map(lambda depth, end=end: GOES_ON[end] ** (depth + (end == "low")))
        share = share.mask(table["stage"] == "personas", share * PASSES_RULES[end])
        share = share.mask(table["template"] == critique, share * (1 + again * ASKED_AGAIN[end]))
        share = share.mask(table["template"] == "revise_again", share * again * ASKED_AGAIN[end])
        share = share.mask(table["stage"] == CHECK, 1.0)
        table[f"calls_{end}"] = (table["most"] * share).round().astype("int64")
    grouped = table.groupby(_KEY, sort=False).agg({f"calls_{end}": "sum" for end in ENDS} | {"multiplies": " + ".join})
    return grouped.reset_index()


def _checks(steps: pd.DataFrame, settings: Mapping) -> pd.DataFrame:
    """The calls of stage `check`: each shard of a stage first makes one to each live endpoint that it asks."""
    live = [alias for alias, endpoint in read_endpoints(settings["endpoints"]).items() if is_checked(endpoint)]
    asked = steps[steps["endpoint"].isin(live) & (steps["most"] > 0)]
    found = asked.groupby("endpoint", sort=False)["stage"].nunique() * settings["shards"]
    found = found.reset_index(name="most")
    return found.assign(stage=CHECK, template=FORM.name, depth=0, multiplies="stages x shards")


def read_lengths(path: str | Path) -> pd.DataFrame:
    """Declared lengths in tokens: kind (slot, reply), name, low, expected, high; indexed by kind and name."""
    return pd.read_csv(path).set_index(["kind", "name"])[list(ENDS)].astype(float)


def estimate(
    calls: pd.DataFrame,
    *,
    templates: Mapping[str, Template],
    endpoints: Mapping[str, Endpoint],
    lengths: pd.DataFrame,
    prices: pd.DataFrame,
    measured: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Tokens and cost of planned calls: table `plan`.

    `measured` (`quote.measured`) says what the ledger of the run holds. Its answers are subtracted
    from the calls, and where it has 30 or more of a step they speak for the rest: their mean is
    expected, their 10 % and 90 % quantiles are low and high. Where replies must be JSON and the endpoint repairs, the
    calls that are left bring repairs with them: none, a few, or one each.

    Returns
    -------
    The rows of `calls` with n_answered and, each with _low, _expected, _high: calls, tokens_in,
    tokens_out (of the calls still to be made, together), cost_usd (NaN where the price is unknown).
    """
    known = {} if measured is None else measured.set_index(_KEY).to_dict("index")
    templates = {**templates, FORM.name: FORM}
    rows = []
    for step in calls.to_dict("records"):
        held = known.get(tuple(step[key] for key in _KEY), {"n": 0})
        endpoint = endpoints[step["endpoint"]]
        price = price_of(endpoint, prices)
        is_repaired = endpoint.repairs and step["stage"] != CHECK
        is_repaired &= templates[step["template"]].response_schema is not None
        row = {**{key: step[key] for key in (*_KEY, "multiplies")}, "n_answered": held["n"]}
        row["multiplies"] += ", a repair each at most" if is_repaired else ""
        for end in ENDS:
            n = max(0, step[f"calls_{end}"] - held["n"])
            n = round(n * (1 + REPAIRED[end])) if is_repaired else n
            if held["n"] >= ENOUGH:
                per_call = held[f"tokens_in_{end}"], held[f"tokens_out_{end}"]
            else:
                per_call = _tokens(templates[step["template"]], step["stage"], endpoint, lengths[end])
            tokens = [n * value for value in per_call]
            cost = math.nan if price is None else price.of(*tokens)
            row |= {f"calls_{end}": n, f"cost_usd_{end}": cost}
            row |= {f"tokens_in_{end}": round(tokens[0]), f"tokens_out_{end}": round(tokens[1])}
        rows.append(row)
    names = [f"{quantity}_{end}" for quantity in QUANTITIES for end in ENDS]
    return pd.DataFrame(rows)[[*_KEY, "n_answered", *names, "multiplies"]]


def _tokens(template: Template, stage: str, endpoint: Endpoint, lengths: pd.Series) -> tuple[float, float]:
    """Tokens in and out of one call at one end (low, expected or high) of the declared lengths."""
    per_token = CHARACTERS_PER_TOKEN[lengths.name]
    fixed = len(template.system) + len(template.user)
    if template.response_schema is not None and lengths.name != "low":
        fixed += len(canonical(template.response_schema))
    persona = "persona_short" if stage == "ablation" else "persona"
    persona = "persona_history" if (stage, template.name) == ("survey", "judge") else persona
    slots = [persona if name == "persona" else name for name in template.slots]
    slots = [name.split("_")[0] if name.startswith("answer") else name for name in slots]
    tokens_out = min(lengths["reply", template.name], reply_limit(endpoint))
    return fixed / per_token + sum(lengths["slot", name] for name in slots), tokens_out


def reply_limit(endpoint: Endpoint) -> float:
    """The most tokens that an endpoint is allowed to reply with; infinite where nothing is said."""
    return endpoint.max_tokens or math.inf


def totals(plan: pd.DataFrame, by: list[str] | None = None) -> pd.DataFrame:
    """A plan summed by columns such as stage; by none, one row. A sum with an unknown cost is unknown."""
    keys = by or (lambda _: 0)
    names = [name for name in plan.columns if name == "n_answered" or name.startswith(QUANTITIES)]
    return plan.groupby(keys, sort=False)[names].agg(lambda column: column.sum(skipna=False))


def at_prices(plan: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """What a plan would cost if every call were made at one row of the price table: one row per price, in USD.

    Columns: price, as_of, cost_usd_low, cost_usd_expected, cost_usd_high, and batch_usd_expected, the same
    with the discount for batches. NaN where unknown.
    """
    whole = totals(plan).iloc[0]
    rows = []
    for row in prices.itertuples():
        tokens = {end: (whole[f"tokens_in_{end}"], whole[f"tokens_out_{end}"]) for end in ENDS}
        cost = {end: (i * row.input_usd + o * row.output_usd) / 1e6 for end, (i, o) in tokens.items()}
        found = {"price": row.price, "as_of": row.as_of} | {f"cost_usd_{end}": cost[end] for end in ENDS}
        rows.append(found | {"batch_usd_expected": cost["expected"] * (1 - row.batch_discount)})
    return pd.DataFrame(rows)

"""The pool: held-out prompts, each with two fixed answers, that every rater judges."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.feedback import answer_rows
from persona_lib.stages.given import give, plan_given
from persona_lib.stages.judging import half_swapped, judge
from persona_lib.stages.shares import plan_pool_shares, pool_shares
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator, shard_of
from persona_lib.tables.values import PARTS


def plan_items(prompts: pd.DataFrame, *, n_items: int, seed: int) -> pd.DataFrame:
    """Random held-out prompts as items of the pool: table `pool_items`.

    Raises
    ------
    SchemaError
        If fewer prompts are held out.
    """
    heldout = prompts.loc[prompts["prompt_split"] == "heldout_prompt", "prompt_id"].sort_values()
    if len(heldout) < n_items:
        raise SchemaError(
            f"pool: {len(heldout)} held-out prompts, but pool.n_items = {n_items}: lower it or raise prompts.n"
        )
    drawn = generator(seed, "judging.pool.items").choice(len(heldout), size=n_items, replace=False)
    prompt_id = heldout.iloc[np.sort(drawn)].reset_index(drop=True)
    return pd.DataFrame(
        {
            "item_id": "item." + prompt_id,
            "prompt_id": prompt_id,
            "answer_a_id": "baseline." + prompt_id,
            "answer_b_id": "divergent." + prompt_id,
        }
    )


def answer_items(items: pd.DataFrame, prompts: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Both answers of every item, without a persona and then deliberately different: table `pool_answers`.

    Where the first answer failed the second is not asked and has its status.
    """
    rows = items.merge(prompts[["prompt_id", "text"]].rename(columns={"text": "prompt"}), on="prompt_id")
    answerer = ask.roles["answerer"]
    baseline = steps.first(steps.requests(rows, endpoint=answerer, template="answer", prompt=rows["prompt"]), ask=ask)
    wanted = steps.requests(
        rows, endpoint=answerer, template="answer_divergent", prompt=rows["prompt"], answer=baseline["text"]
    )
    divergent = steps.following(baseline, wanted, ask=ask)
    found = [
        answer_rows(rows.join(replies).assign(answer_id=rows[key], persona_id="", kind=kind, fault=""))
        for key, kind, replies in (("answer_a_id", "baseline", baseline), ("answer_b_id", "divergent", divergent))
    ]
    return pd.concat(found, ignore_index=True)


def create_pool(prompts: pd.DataFrame, *, n_items: int, seed: int, ask: Ask) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pool: tables `pool_items` and `pool_answers`."""
    items = plan_items(prompts, n_items=n_items, seed=seed)
    return items, answer_items(items, prompts, ask=ask)


def plan_pool(
    items: pd.DataFrame,
    personas: pd.DataFrame,
    *,
    panel: list[str],
    raters: str,
    n_panel_personas: int,
    n_raters: int,
    n_panel_items: int,
    seed: int,
) -> pd.DataFrame:
    """Who judges which item as which persona, in which order.

    The panel's first model judges every item as every persona. Its other models judge every
    item as `n_panel_personas` random personas; as these its first model also judges again, and by
    some lines of their descriptions alone (`PARTS`). For each of these personas, `n_raters` raters
    (rater_id "<endpoint>.1", ...; rater i is sample i - 1) judge the same `n_panel_items` items.
    Of each persona's items a random half is shown in the other order, the same for all raters.

    Returns
    -------
    One row per choice: item_id, rater_id, role (panel or rater), persona_shown_id, lines_shown, swapped, repeat,
    endpoint, sample, prompt_id, answer_a_id, answer_b_id.

    Raises
    ------
    SchemaError
        If there are fewer personas or items than asked for, or a panel that repeats a model.
    """
    if len(set(panel)) < len(panel):
        raise SchemaError(f"pool: roles.panel names a model twice: {', '.join(panel)}")
    for key, n, table in (("n_panel_personas", n_panel_personas, personas), ("n_panel_items", n_panel_items, items)):
        if len(table) < n:
            raise SchemaError(f"pool: pool.{key} = {n}, but there are only {len(table)}")
    items = items.sort_values("item_id").reset_index(drop=True)
    everyone = np.sort(personas["persona_id"].to_numpy(dtype=object))
    someone = np.sort(generator(seed, "judging.pool.personas").choice(everyone, size=n_panel_personas, replace=False))
    shared = np.sort(generator(seed, "judging.pool.panel_items").choice(len(items), size=n_panel_items, replace=False))
    cells = pd.concat(
        [
            items.assign(persona_shown_id=key, swapped=half_swapped(len(items), seed, "judging.pool.order", key))
            for key in everyone
        ],
        ignore_index=True,
    ).assign(lines_shown="all", repeat=0, sample=0, role="panel")
    of_panel = cells[cells["persona_shown_id"].isin(someone)]
    of_raters = of_panel[of_panel["item_id"].isin(items["item_id"].iloc[shared])]
    first, *others = panel
    return pd.concat(
        [
            cells.assign(rater_id=first, endpoint=first),
            of_panel.assign(rater_id=first, endpoint=first, repeat=1, sample=1),
            *[of_panel.assign(rater_id=first, endpoint=first, lines_shown=lines) for lines in PARTS],
            *[of_panel.assign(rater_id=model, endpoint=model) for model in others],
            *[
                of_raters.assign(rater_id=f"{raters}.{i + 1}", role="rater", endpoint=raters, sample=i)
                for i in range(n_raters)
            ],
        ],
        ignore_index=True,
    )


def collect_pool(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Answer and judge the pool items of one shard, ask for the population's shares on them, and let models write."""
    sizes = dict(settings["pool"])
    named_groups, n_given = sizes.pop("named_groups"), sizes.pop("n_given_personas")
    items = plan_items(tables["prompts"], n_items=sizes.pop("n_items"), seed=settings["seed"])
    plan = plan_pool(
        items,
        tables["personas"],
        panel=ask.roles["panel"],
        raters=ask.roles["raters"],
        **sizes,
        seed=settings["seed"],
    )
    is_mine = {key: shard_of(key, of) == shard for key in items["item_id"]}
    answers = answer_items(items[items["item_id"].map(is_mine).astype(bool)], tables["prompts"], ask=ask)
    judge(plan[plan["item_id"].map(is_mine).astype(bool)], tables["personas"], tables["prompts"], answers, ask=ask)
    asked = {"panel": ask.roles["panel"], "named_groups": named_groups, "seed": settings["seed"]}
    shares = plan_pool_shares(items, tables["personas"], **asked)
    pool_shares(shares[shares["item_id"].map(is_mine).astype(bool)], tables["prompts"], answers, ask=ask)
    given = plan_given(plan, n_personas=n_given, contestants=ask.roles["contestants"], seed=settings["seed"])
    mine = steps.of_shard(given, "item_id", shard=shard, of=of)
    give(mine, tables["personas"], tables["prompts"], answers, ask=ask)

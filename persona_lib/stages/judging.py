"""Choices between two answers: of preference pairs, and of the pool that every rater judges."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.stages import steps
from persona_lib.stages.feedback import answer_rows
from persona_lib.tables.schema import SchemaError
from persona_lib.tables.streams import generator, shard_of


def choose(rows: pd.DataFrame, answers: pd.DataFrame, *, ask: steps.Ask) -> pd.DataFrame:
    """Ask for every row's choice: chosen_answer_id, chosen_position, status, request_hash, on the rows' index.

    `rows` has endpoint, sample, prompt, answer_a_id, answer_b_id, swapped (b is shown first) and
    persona: the description shown, '' for none. Where one of the two answers is not ok there is
    nothing to ask, and the row carries that answer's status and request.

    Raises
    ------
    SchemaError
        If an answer is not in `answers`.
    """
    known = answers.set_index("answer_id")[["text", "status", "request_hash"]]
    if unknown := sorted((set(rows["answer_a_id"]) | set(rows["answer_b_id"])) - set(known.index)):
        raise SchemaError(f"judging: no answer {unknown[0]!r}")
    a, b = (known.loc[rows[key]].set_axis(rows.index) for key in ("answer_a_id", "answer_b_id"))
    swapped = rows["swapped"].astype(bool)
    slots = {
        "prompt": rows["prompt"],
        "answer_a": a["text"].where(~swapped, b["text"]),
        "answer_b": b["text"].where(~swapped, a["text"]),
    }
    is_blind = rows["persona"] == ""
    before = a[["status", "request_hash"]].where(a["status"] != "ok", b[["status", "request_hash"]])
    wanted = pd.concat(
        [
            steps.requests(
                rows[is_blind],
                endpoint=rows["endpoint"],
                template="judge_no_persona",
                **{key: texts[is_blind] for key, texts in slots.items()},
            ),
            steps.requests(
                rows[~is_blind],
                endpoint=rows["endpoint"],
                template="judge",
                persona=rows.loc[~is_blind, "persona"],
                **{key: texts[~is_blind] for key, texts in slots.items()},
            ),
        ]
    ).reindex(rows.index)
    replies = steps.following(before, wanted, ask=ask)
    is_ok = replies["status"] == "ok"
    position = pd.Series([d["choice"] if ok else "" for d, ok in zip(replies["data"], is_ok, strict=True)], rows.index)
    is_a = (position == "A") ^ swapped
    chosen = rows["answer_a_id"].where(is_a, rows["answer_b_id"]).where(is_ok, "")
    return pd.DataFrame(
        {
            "chosen_answer_id": chosen,
            "chosen_position": position,
            "status": replies["status"],
            "request_hash": replies["request_hash"],
        }
    )


def judge(
    plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, answers: pd.DataFrame, *, ask: steps.Ask
) -> pd.DataFrame:
    """Ask for every planned choice: table `judgements` (with pool answers: `pool_judgements`).

    `plan` is what `plan_validation` or `plan_pool` returned, or some of its rows.
    """
    described = personas.set_index("persona_id")["description"].to_dict() | {"": ""}
    texts = prompts.set_index("prompt_id")["text"]
    for column, known in (("persona_shown_id", set(described)), ("prompt_id", set(texts.index))):
        if unknown := sorted(set(plan[column]) - known):
            raise SchemaError(f"judging: no {column} {unknown[0]!r} in the tables")
    rows = plan.assign(persona=plan["persona_shown_id"].map(described), prompt=plan["prompt_id"].map(texts))
    key = ["item_id", "rater_id", "persona_shown_id", "swapped", "repeat"]
    return plan[key].join(choose(rows, answers, ask=ask)).reset_index(drop=True)


def plan_validation(
    pairs: pd.DataFrame, personas: pd.DataFrame, *, n_pairs: int, judge: str, seed: int
) -> pd.DataFrame:
    """Judge `n_pairs` random pairs as their own persona, as another one and as nobody, in both orders.

    Answer a is the rejected, answer b the chosen one. Only pairs whose revision succeeded can
    be judged. The other persona is drawn uniformly, a new one for every pair.

    Raises
    ------
    SchemaError
        If fewer pairs are ok, or there is no other persona.
    """
    usable = pairs[pairs["status"] == "ok"].sort_values("pair_id")
    if len(usable) < n_pairs:
        raise SchemaError(f"validation: {len(usable)} pairs are ok, but validation.n_pairs = {n_pairs}: lower it")
    if personas["persona_id"].nunique() < 2:
        raise SchemaError("validation: a swapped persona needs at least two personas")
    rng = generator(seed, "judging.validation")
    drawn = usable.iloc[np.sort(rng.choice(len(usable), size=n_pairs, replace=False))]
    ids = np.sort(personas["persona_id"].unique())
    own = np.searchsorted(ids, drawn["persona_id"].to_numpy(dtype=object))
    other = ids[(own + rng.integers(1, len(ids), size=n_pairs)) % len(ids)]
    base = pd.DataFrame(
        {
            "item_id": drawn["pair_id"].to_numpy(),
            "prompt_id": drawn["prompt_id"].to_numpy(),
            "answer_a_id": drawn["rejected_answer_id"].to_numpy(),
            "answer_b_id": drawn["chosen_answer_id"].to_numpy(),
            "rater_id": judge,
            "endpoint": judge,
            "sample": 0,
            "repeat": 0,
        }
    )
    shown = {"own": drawn["persona_id"].to_numpy(), "other": other, "none": ""}
    arms = [base.assign(persona_shown_id=who, swapped=order) for who in shown.values() for order in (False, True)]
    return pd.concat(arms, ignore_index=True).sort_values("item_id", kind="stable").reset_index(drop=True)


def half_swapped(n: int, seed: int, *names: str) -> np.ndarray:
    """A random half of n items whose answers change places (the larger half or the smaller at random if n is odd)."""
    rng = generator(seed, *names)
    return rng.permutation((np.arange(n) + rng.integers(2)) % 2 == 1)


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


def answer_items(items: pd.DataFrame, prompts: pd.DataFrame, *, ask: steps.Ask) -> pd.DataFrame:
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
        answer_rows(rows.join(replies).assign(answer_id=rows[key], persona_id="", kind=kind))
        for key, kind, replies in (("answer_a_id", "baseline", baseline), ("answer_b_id", "divergent", divergent))
    ]
    return pd.concat(found, ignore_index=True)


def create_pool(prompts: pd.DataFrame, *, n_items: int, seed: int, ask: steps.Ask) -> tuple[pd.DataFrame, pd.DataFrame]:
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
    item as `n_panel_personas` random personas. For each of these personas, `n_raters` raters
    (rater_id "<endpoint>.1", ...; rater i is sample i - 1) judge the same `n_panel_items` items.
    Of each persona's items a random half is shown in the other order, the same for all raters.

    Returns
    -------
    One row per choice: item_id, rater_id, persona_shown_id, swapped, repeat, endpoint, sample,
    prompt_id, answer_a_id, answer_b_id.

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
    ).assign(repeat=0)
    of_panel = cells[cells["persona_shown_id"].isin(someone)]
    of_raters = of_panel[of_panel["item_id"].isin(items["item_id"].iloc[shared])]
    first, *others = panel
    return pd.concat(
        [
            cells.assign(rater_id=first, endpoint=first, sample=0),
            *[of_panel.assign(rater_id=model, endpoint=model, sample=0) for model in others],
            *[of_raters.assign(rater_id=f"{raters}.{i + 1}", endpoint=raters, sample=i) for i in range(n_raters)],
        ],
        ignore_index=True,
    )


def collect_validation(tables: dict, settings: dict, *, shard: int, of: int, ask: steps.Ask) -> None:
    """Ask the judge about the pairs of one shard's prompts: equal texts of one prompt meet in one shard."""
    plan = plan_validation(
        tables["pairs"],
        tables["personas"],
        **settings["validation"],
        judge=ask.roles["judge"],
        seed=settings["seed"],
    )
    mine = plan[[shard_of(key, of) == shard for key in plan["prompt_id"]]]
    judge(mine, tables["personas"], tables["prompts"], tables["answers"], ask=ask)


def collect_pool(tables: dict, settings: dict, *, shard: int, of: int, ask: steps.Ask) -> None:
    """Answer and judge the pool items of one shard."""
    sizes = dict(settings["pool"])
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

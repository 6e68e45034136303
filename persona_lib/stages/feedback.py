"""Preference pairs by direct principle feedback: answer, critique, revision (paper, section 3 and Figure 4)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.refining import refine, with_ids
from persona_lib.tables.schema import SchemaError, writing
from persona_lib.tables.streams import generator, shard_of

BLOCK = 50  # prompts asked in one go: bounds the memory of a shard
PART = 5_000  # pairs made in one go: bounds the memory of a replay


def pairs_each(sizes: Mapping) -> int:
    """How many pairs every persona gets; `sizes` is the block `feedback` of a configuration.

    Examples
    --------
    >>> pairs_each({"n_train_pairs": 100, "n_heldout_pairs": 50, "n_heldout_prompts": 50})
    200
    """
    return sum(sizes[key] for key in ("n_train_pairs", "n_heldout_pairs", "n_heldout_prompts"))


def assign(
    personas: pd.DataFrame,
    prompts: pd.DataFrame,
    *,
    n_train_pairs: int,
    n_heldout_pairs: int,
    n_heldout_prompts: int,
    template: str,
    seed: int,
) -> pd.DataFrame:
    """Which persona is asked about which prompt, and the split of each pair.

    Every persona gets `n_train_pairs + n_heldout_pairs` random train prompts, without
    replacement, the first of which are its train pairs, and `n_heldout_prompts` random held-out
    prompts. Each persona has its own random stream: adding one moves no other's prompts.

    Returns
    -------
    One row per pair, sorted by persona: pair_id, persona_id, prompt_id, template,
    persona_split, pair_split (train, heldout_pair: a seen prompt, heldout_prompt: an unseen one).

    Raises
    ------
    SchemaError
        If a split has fewer prompts than a persona needs.
    """
    of_split = {
        split: prompts.loc[prompts["prompt_split"] == split, "prompt_id"].sort_values().to_numpy()
        for split in ("train", "heldout_prompt")
    }
    needed = {"train": n_train_pairs + n_heldout_pairs, "heldout_prompt": n_heldout_prompts}
    for split, n in needed.items():
        if len(of_split[split]) < n:
            raise SchemaError(
                f"feedback: a persona needs {n} prompts of split {split}, there are {len(of_split[split])}: "
                "lower feedback.n_* or raise prompts.n"
            )
    pair_split = ["train"] * n_train_pairs + ["heldout_pair"] * n_heldout_pairs + ["heldout_prompt"] * n_heldout_prompts
    rows = []
    for persona in personas.sort_values("persona_id").itertuples():
        rng = generator(seed, "feedback.assign", persona.persona_id)
        drawn = [key for split, n in needed.items() for key in rng.choice(of_split[split], size=n, replace=False)]
        rows += [
            (f"{persona.persona_id}.{prompt_id}", persona.persona_id, prompt_id, template, persona.persona_split, split)
            for prompt_id, split in zip(drawn, pair_split, strict=True)
        ]
    columns = ["pair_id", "persona_id", "prompt_id", "template", "persona_split", "pair_split"]
    return pd.DataFrame(rows, columns=columns)


def create(
    plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, *, max_retries: int, ask: Ask
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answer without the persona, criticise as the persona, revise: tables `pairs` and `answers`.

    The answer of the representative user is asked once per prompt and shared by its personas.
    A pair whose step failed carries that step's status and request, no later step is asked,
    and the ids of answers it lacks are ''. `answers` has a row for every answer that was asked,
    revisions that were written again among them (kind withdrawn): see `refine`.
    """
    pairs, answers = zip(*created(plan, personas, prompts, max_retries=max_retries, ask=ask), strict=True)
    return pd.concat(pairs, ignore_index=True), pd.concat(answers, ignore_index=True)


def created(
    plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, *, max_retries: int, ask: Ask
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """What `create` makes, in parts: pairs and answers of whole personas, `PART` pairs or a little more at a time.

    The first part holds the baselines. By batches all is one part, because each step waits for a batch.
    """
    baseline = _baseline(plan, prompts, ask=ask)
    found = baseline[["prompt_id", "prompt", "text", "status", "request_hash"]]
    baseline = baseline.assign(answer_id="baseline." + baseline["prompt_id"], persona_id="", kind="baseline", fault="")
    before = [answer_rows(baseline)]
    for part in [plan] if ask.by_batch or plan.empty else _by_persona(plan):
        pairs, answers = _refined(part, found, personas, max_retries=max_retries, ask=ask)
        yield pairs, pd.concat([*before, answers], ignore_index=True)
        before = []


def _by_persona(plan: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The plan cut where the persona changes, into parts of at least `PART` rows but for the last."""
    is_first = plan["persona_id"].ne(plan["persona_id"].shift())
    part = pd.Series(range(len(plan)), index=plan.index).where(is_first).ffill() // PART
    return (rows for _, rows in plan.groupby(part.to_numpy(), sort=True))


def _refined(
    plan: pd.DataFrame, baseline: pd.DataFrame, personas: pd.DataFrame, *, max_retries: int, ask: Ask
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pairs of a plan, and the answers that were written for them."""
    rows = plan.merge(baseline, on="prompt_id", how="left")
    rows = rows.merge(personas[["persona_id", "description"]], on="persona_id", how="left", validate="many_to_one")
    if rows["description"].isna().any():
        raise SchemaError(f"feedback: no persona {rows.loc[rows['description'].isna(), 'persona_id'].iloc[0]}")
    critique, tries = refine(rows, max_retries=max_retries, ask=ask)
    final = tries[tries["stands"]].set_index("row")
    pairs = plan.set_index(rows.index).assign(
        chosen_answer_id=("revision." + rows["pair_id"]).where(final["status"] == "ok", ""),
        rejected_answer_id=("baseline." + rows["prompt_id"]).where(rows["status"] == "ok", ""),
        critique=critique["text"],
        **final[["n_tries", "fault", "status", "request_hash"]],
    )
    written = with_ids(tries.join(rows[["pair_id", "prompt_id", "persona_id"]], on="row"), key="pair_id")
    return pairs.reset_index(drop=True), answer_rows(written)


def write_created(
    plan: pd.DataFrame,
    personas: pd.DataFrame,
    prompts: pd.DataFrame,
    *,
    max_retries: int,
    ask: Ask,
    pairs: str | os.PathLike,
    answers: str | os.PathLike,
) -> None:
    """Write what `create` makes to the files of tables `pairs` and `answers`; a part is in memory at a time.

    `plan` is sorted by persona, as `assign` gives it. Of the revisions only those that were withdrawn, a small share,
    are kept to the end: in the order of their ids they come last.
    """
    withdrawn = []
    with writing(pairs, "pairs") as put_pairs, writing(answers, "answers") as put_answers:
        for made, texts in created(plan, personas, prompts, max_retries=max_retries, ask=ask):
            put_pairs(made)
            put_answers(texts[texts["kind"] != "withdrawn"])
            withdrawn.append(texts[texts["kind"] == "withdrawn"])
        put_answers(pd.concat(withdrawn))


def _baseline(plan: pd.DataFrame, prompts: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    if unknown := sorted(set(plan["prompt_id"]) - set(prompts["prompt_id"])):
        raise SchemaError(f"feedback: no prompt {unknown[0]}")
    asked = (
        prompts[prompts["prompt_id"].isin(plan["prompt_id"].unique())].sort_values("prompt_id").reset_index(drop=True)
    )
    wanted = steps.requests(asked, endpoint=ask.roles["answerer"], template="answer", prompt=asked["text"])
    return asked[["prompt_id", "text"]].rename(columns={"text": "prompt"}).join(steps.first(wanted, ask=ask))


def answer_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns of table `answers`: those of `rows`, and `n_words`, the number of words of `text`.

    Examples
    --------
    >>> row = {"answer_id": "a", "prompt_id": "q", "persona_id": "", "kind": "baseline", "fault": ""}
    >>> reply = {"text": "It depends.", "status": "ok", "request_hash": "h"}
    >>> answer_rows(pd.DataFrame([row | reply])).n_words.tolist()
    [2]
    """
    columns = ["answer_id", "prompt_id", "persona_id", "kind", "text", "n_words", "fault", "status", "request_hash"]
    return rows.assign(n_words=rows["text"].map(lambda text: len(text.split())).astype("int64"))[columns]


def leaks(pairs: pd.DataFrame, prompts: pd.DataFrame) -> pd.DataFrame:
    """What would let held-out data leak into training, and how often it occurs: `statement`, `n_violations`.

    Training on rows with persona_split train and pair_split train sees no held-out persona,
    no held-out prompt and no held-out pair if every count is 0.
    """
    split = pairs["prompt_id"].map(prompts.set_index("prompt_id")["prompt_split"])
    expected = pairs["pair_split"].map({"train": "train", "heldout_pair": "train", "heldout_prompt": "heldout_prompt"})
    plain = prompts["text"].map(lambda text: " ".join(text.casefold().split()))
    texts = {name: set(plain[prompts["prompt_split"] == name]) for name in ("train", "heldout_prompt")}
    is_unseen = pairs["pair_split"] == "heldout_prompt"
    n_splits = pairs.groupby("persona_id")["persona_split"].nunique()
    counts = {
        "a prompt of a held-out-prompt pair stands in another pair_split": len(
            set(pairs.loc[is_unseen, "prompt_id"]) & set(pairs.loc[~is_unseen, "prompt_id"])
        ),
        "a pair_split disagrees with the split of its prompt": int((split != expected).sum()),
        "a persona has the same prompt in two rows": int(pairs.duplicated(["persona_id", "prompt_id"]).sum()),
        "a persona stands in both persona splits": int((n_splits > 1).sum()),
        "a text stands in both prompt splits": len(texts["train"] & texts["heldout_prompt"]),
    }
    return pd.DataFrame({"statement": list(counts), "n_violations": list(counts.values())})


def collect_feedback(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask answer, critique and revision for the prompts of one shard, a block of prompts at a time.

    By batches all prompts are one block: each step of a block waits for a batch, which may take a day.
    """
    sizes = dict(settings["feedback"])
    max_retries = sizes.pop("max_retries")
    plan = assign(tables["personas"], tables["prompts"], **sizes, seed=settings["seed"])
    mine = [key for key in sorted(plan["prompt_id"].unique()) if shard_of(key, of) == shard]
    size = max(len(mine), 1) if ask.by_batch else BLOCK
    for start in range(0, len(mine), size):
        block = plan[plan["prompt_id"].isin(mine[start : start + size])]
        create(block, tables["personas"], tables["prompts"], max_retries=max_retries, ask=ask)

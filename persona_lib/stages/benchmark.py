"""PERSONA Bench: models answer as told of a persona, an examiner says what still needs revision.

Also asks which attributes a summary dropped, and for repeated attempts (paper, section 5, Figures 10-12).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages import steps
from persona_lib.stages.calibration import calibrate, plan_calibration
from persona_lib.tables.descriptions import label_of, values_of
from persona_lib.tables.files import read_yaml
from persona_lib.tables.schema import SchemaError, tables
from persona_lib.tables.streams import generator
from persona_lib.tables.values import MODES

TEMPLATES = {
    "baseline": "answer",
    "output_only": "answer_output_only",
    "chain_of_thought": "answer_chain_of_thought",
    "summary": "answer_from_summary",
}
MARKER = re.compile(r"^[ \t*#]*ANSWER:[ \t*]*", re.MULTILINE)
EMPTY_WORDS = frozenset(
    ("a", "an", "as", "at", "by", "in", "is", "it", "no", "of", "on", "or", "so", "to", "us", "he", "we")
    + ("and", "are", "for", "from", "has", "have", "not", "other", "none", "that", "the", "this", "was", "who", "with")
    + ("yes", "her", "hers", "him", "his", "she", "their", "them", "they")
    + ("alway", "like", "often", "sometime", "usually")
)


def draw_items(personas: pd.DataFrame, prompts: pd.DataFrame, n_items: int, seed: int, name: str) -> pd.DataFrame:
    """Distinct persona x held-out prompt items; each persona and prompt recurs as rarely as possible."""
    heldout = prompts.loc[prompts["prompt_split"] == "heldout_prompt", "prompt_id"].sort_values().to_numpy()
    everyone = personas["persona_id"].sort_values().to_numpy()
    if n_items > len(heldout) * len(everyone):
        raise SchemaError(
            f"{name}: {len(everyone)} personas x {len(heldout)} held-out prompts give no {n_items} items: "
            f"lower {name}.n_items"
        )
    rng = generator(seed, f"attempts.{name}")
    who, what = rng.permutation(everyone), rng.permutation(heldout)
    number = np.arange(n_items)
    round_length = math.lcm(len(who), len(what))
    items = pd.DataFrame(
        {"persona_id": who[number % len(who)], "prompt_id": what[(number + number // round_length) % len(what)]}
    )
    items.insert(0, "item_id", items["persona_id"] + "." + items["prompt_id"])
    other = (number + 1 + rng.integers(0, max(1, len(who) - 1), size=n_items)) % len(who)
    return items.assign(other_persona_id=who[other])


def cross(items: pd.DataFrame, contestants: list[str], modes: Sequence[str], n_attempts: int) -> pd.DataFrame:
    if len(set(contestants)) < len(contestants):
        raise SchemaError(f"roles.contestants names a model twice: {', '.join(contestants)}")
    grid = pd.MultiIndex.from_product([contestants, modes, range(n_attempts)], names=["model", "mode", "attempt"])
    crossed = items.merge(grid.to_frame(index=False), how="cross")
    return crossed.assign(critic_persona_id=crossed["persona_id"], examination=0)


def plan_benchmark(
    personas: pd.DataFrame,
    prompts: pd.DataFrame,
    *,
    n_items: int,
    contestants: list[str],
    seed: int,
    modes: Sequence[str] = MODES,
) -> pd.DataFrame:
    """Every contestant answers every item in the modes, all four unless told; output_only answers are also calibration.

    A calibration row is the same answer examined for another, random persona
    (critic_persona_id): an examiner that listens to the persona passes fewer of them.

    Returns
    -------
    One row per attempt: item_id, persona_id, prompt_id, model, mode, critic_persona_id, attempt, examination.

    Raises
    ------
    SchemaError
        If there are fewer distinct items than asked for, fewer than two personas, or a
        contestant named twice.
    """
    if personas["persona_id"].nunique() < 2:
        raise SchemaError("benchmark: calibration needs at least two personas")
    plan = cross(draw_items(personas, prompts, n_items, seed, "benchmark"), contestants, modes, 1)
    direct = plan[plan["mode"] == "output_only"]
    calibration = direct.assign(critic_persona_id=direct["other_persona_id"])
    return pd.concat([plan, calibration], ignore_index=True).drop(columns="other_persona_id")


def run(plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Let the contestants answer and the examiner judge: table `attempts`.

    Mode summary first asks the contestant what of the persona matters to the question. Mode
    chain_of_thought counts only what follows the last line ANSWER:; without one the attempt is
    unparsed. Attempt i is sample i of its requests, and is examined on its own: equal answers of two
    attempts get a verdict each. A row whose step failed carries that step's status; it has not
    passed and not failed.

    Raises
    ------
    SchemaError
        If the plan names a persona or prompt that the tables lack.
    """
    described = personas.set_index("persona_id")["description"]
    texts = prompts.set_index("prompt_id")["text"]
    for column, known in (("persona_id", described), ("critic_persona_id", described), ("prompt_id", texts)):
        if unknown := sorted(set(plan[column]) - set(known.index)):
            raise SchemaError(f"attempts: no {column} {unknown[0]!r} in the tables")
    rows = plan.reset_index(drop=True)
    rows = rows.assign(
        sample=rows["attempt"],
        prompt=rows["prompt_id"].map(texts),
        persona=rows["persona_id"].map(described),
        critic=rows["critic_persona_id"].map(described),
    )
    summary = _summaries(rows, ask=ask)
    answer = _answers(rows, summary, ask=ask)
    examined = steps.following(
        answer,
        steps.requests(
            rows.assign(sample=rows["attempt"] + rows["examination"]),
            endpoint=ask.roles["examiner"],
            template="examine",
            persona=rows["critic"],
            prompt=rows["prompt"],
            answer=answer["text"],
        ),
        ask=ask,
    )
    is_ok = examined["status"] == "ok"
    verdict = [not d["needs_revision"] if ok else None for d, ok in zip(examined["data"], is_ok, strict=True)]
    key = ["item_id", "persona_id", "prompt_id", "model", "mode", "critic_persona_id", "attempt", "examination"]
    return rows[key].assign(
        answer=answer["text"].where(is_ok, ""),
        summary=summary["text"],
        passed=pd.array(verdict, dtype="boolean"),
        status=examined["status"],
        request_hash=examined["request_hash"],
    )


def _summaries(rows: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    needed = rows[rows["mode"] == "summary"]
    slots = {"persona": needed["persona"], "prompt": needed["prompt"]}
    wanted = steps.requests(needed, endpoint=needed["model"], template="summarise", **slots)
    return steps.first(wanted, ask=ask).reindex(rows.index).fillna({"text": "", "status": "ok", "request_hash": ""})


def _answers(rows: pd.DataFrame, summary: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    wanted = []
    for mode in MODES:
        asked = rows[rows["mode"] == mode]
        slots = {"prompt": asked["prompt"]}
        if mode == "summary":
            slots["summary"] = summary.loc[asked.index, "text"]
        elif mode != "baseline":
            slots["persona"] = asked["persona"]
        wanted.append(steps.requests(asked, endpoint=asked["model"], template=TEMPLATES[mode], **slots))
    replies = steps.following(summary, pd.concat(wanted).reindex(rows.index), ask=ask)
    is_reasoned = rows["mode"] == "chain_of_thought"
    final = replies["text"].map(final_answer).where(is_reasoned, replies["text"])
    return steps.unparsed_unless(replies.assign(text=final), final != "")


def final_answer(text: str) -> str:
    """What follows the last line that begins with ANSWER:, '' if there is none.

    Examples
    --------
    >>> final_answer("1. She likes numbers.\\nANSWER:\\nBuy the small one.")
    'Buy the small one.'
    """
    parts = MARKER.split(text)
    return parts[-1].strip() if len(parts) > 1 else ""


def find_dropped(attempts: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Ask of every summary which of the 33 attributes it still conveys: table `dropped`.

    The examiner lists the lines of the description that are conveyed, and says whether the summary is
    equivalent to the description with respect to the question. The rule beside it knows the words of the
    values and their declared synonyms: see `is_dropped_by_rule`. Summaries that failed are not here;
    their attempts say so.
    """
    written = attempts[(attempts["mode"] == "summary") & (attempts["summary"] != "")]
    rows = written.drop_duplicates(["item_id", "model"])
    rows = rows[["item_id", "persona_id", "prompt_id", "model", "summary"]].reset_index(drop=True)
    persona = rows["persona_id"].map(personas.set_index("persona_id")["description"])
    prompt = rows["prompt_id"].map(prompts.set_index("prompt_id")["text"])
    for column, found in (("persona_id", persona), ("prompt_id", prompt)):
        if found.isna().any():
            raise SchemaError(f"find_dropped: no {column} {rows.loc[found.isna(), column].iloc[0]!r}")
    slots = {"persona": persona, "prompt": prompt, "summary": rows["summary"]}
    wanted = steps.requests(rows, endpoint=ask.roles["examiner"], template="find_dropped", **slots)
    replies = steps.first(wanted, ask=ask)
    labels = label_of()
    found = []
    for row, description, reply in zip(rows.itertuples(), persona, replies.itertuples(), strict=True):
        said, is_ok = values_of(description), reply.status == "ok"
        found += [
            {
                **{key: getattr(row, key) for key in ("item_id", "persona_id", "prompt_id", "model")},
                "attribute": name,
                "is_dropped": label not in reply.data["conveyed"] if is_ok else None,
                "is_dropped_by_rule": is_dropped_by_rule(name, said.get(name, ""), row.summary),
                "is_equivalent": reply.data["is_equivalent"] if is_ok else None,
                "status": reply.status,
                "request_hash": reply.request_hash,
            }
            for name, label in labels.items()
        ]
    columns = list(tables()["dropped"].columns)
    return pd.DataFrame(found, columns=columns).astype({"is_dropped": "boolean", "is_equivalent": "boolean"})


def is_dropped_by_rule(attribute: str, value: str, summary: str) -> bool:
    """Whether no word of an attribute's value, and none of its synonyms, stands in the summary.

    Case and plural s aside. Words are numbers and words of two letters or more, without a few empty ones;
    synonyms are those of `synonyms.yaml`. Where the value has no such word ("No"), every word of the
    attribute's label must stand there. A word that stands there for another reason counts as conveyed.

    Examples
    --------
    >>> is_dropped_by_rule("occupation", "Teachers", "A patient teacher of 43.")
    False
    >>> is_dropped_by_rule("religion", "Catholic", "Goes to mass every Sunday.")
    False
    >>> is_dropped_by_rule("religion", "Catholic", "Sings every Sunday.")
    True
    """
    said, own = _words(summary), _words(value) - EMPTY_WORDS
    if own:
        return not (own | _synonyms(attribute, frozenset(own))) & said
    return not _words(label_of()[attribute]) - EMPTY_WORDS <= said


@cache
def _synonyms(attribute: str, words: frozenset[str]) -> frozenset[str]:
    """Words that say the same of an attribute whose value holds one of these words."""
    return frozenset().union(*(_listed_synonyms().get((attribute, word), frozenset()) for word in words))


@cache
def _listed_synonyms() -> dict[tuple[str, str], frozenset[str]]:
    """The synonyms of `synonyms.yaml` by attribute and word of its value."""
    listed = read_yaml(Path(__file__).with_name("synonyms.yaml"))
    return {
        (attribute, known): frozenset(_words(synonyms))
        for attribute, by_word in listed.items()
        for word, synonyms in by_word.items()
        for known in _words(word)
    }


def _words(text: str) -> set[str]:
    joined = re.sub(r"(?<=\d),(?=\d{3})", "", text.casefold())
    words = re.findall(r"\d+|[^\W\d_]{2,}", joined)
    return {word.removesuffix("s") if len(word) > 3 else word for word in words}


def collect_planned(
    stage: str,
    plan: Callable[..., pd.DataFrame],
    tables: dict,
    settings: dict,
    *,
    shard: int,
    of: int,
    ask: Ask,
    tried: Callable[..., pd.DataFrame] = run,
) -> None:
    """Plan a stage by its block of the settings, and ask for the attempts of one shard and their examination."""
    personas, prompts = tables["personas"], tables["prompts"]
    asked = plan(personas, prompts, **settings[stage], contestants=ask.roles["contestants"], seed=settings["seed"])
    tried(steps.of_shard(asked, "prompt_id", shard=shard, of=of), personas, prompts, ask=ask)


def collect_benchmark(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the attempts of one shard, their examination, what summaries dropped, and the calibration."""
    personas, prompts, seed = tables["personas"], tables["prompts"], settings["seed"]
    sizes = settings["benchmark"]
    models = ask.roles["contestants"]
    asked = {"n_items": sizes["n_items"], "modes": sizes.get("modes", MODES)}
    plan = plan_benchmark(personas, prompts, **asked, contestants=models, seed=seed)
    attempts = run(steps.of_shard(plan, "prompt_id", shard=shard, of=of), personas, prompts, ask=ask)
    find_dropped(attempts, personas, prompts, ask=ask)
    n = sizes["n_calibration"]
    known = plan_calibration(tables["pairs"], tables["judgements"], personas, n_calibration=n, seed=seed)
    calibrate(steps.of_shard(known, "prompt_id", shard=shard, of=of), personas, prompts, tables["answers"], ask=ask)

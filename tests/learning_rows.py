"""What tests of preference models share: a small made-up run in which taste depends on a stated attribute."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from hostile import NASTY
from pool_rows import items_of, judged

from persona_lib.exporting.preferences import write_preferences
from persona_lib.tables import schema
from persona_lib.tables.schema import attributes

WARM, COLD = "warm friendly kind gentle", "cold formal strict plain"


def small_run(n_personas=24, n_prompts=12, n_train=16):
    """Liberals get warm revisions and conservatives cold ones; each persona has six pairs."""
    ids = [f"p{i + 1:04d}" for i in range(n_personas)]
    side = np.arange(n_personas) % 2
    personas = pd.DataFrame({name: "same" for name in attributes()["attribute"]}, index=range(n_personas))
    personas = personas.assign(
        persona_id=ids,
        persona_split=["train" if i < n_train else "heldout_persona" for i in range(n_personas)],
        ideology=np.where(side == 0, "Liberal", "Conservative"),
        big_five="average openness",
        age_years=40,
        income_usd=30_000.0,
    )
    prompts = [f"q{i + 1:04d}" for i in range(n_prompts)]
    answers = [
        (f"baseline.{q}", q, "", "baseline", f"an answer about {q} that is rather long and says much") for q in prompts
    ]
    pairs = []
    for i, persona in enumerate(ids):
        for j in range(6):
            prompt = prompts[(i // 2 + j * 2) % n_prompts]
            new = f"revision.{persona}.{prompt}"
            answers.append((new, prompt, persona, "revision", f"about {prompt} {WARM if side[i] == 0 else COLD}"))
            split = ("train", "train", "train", "heldout_pair", "heldout_prompt", "heldout_prompt")[j]
            row = (
                f"{persona}.{prompt}",
                persona,
                prompt,
                personas["persona_split"][i],
                split,
                new,
                f"baseline.{prompt}",
            )
            pairs.append(row)
    columns = ["pair_id", "persona_id", "prompt_id", "persona_split", "pair_split", "chosen_answer_id"]
    pair_table = pd.DataFrame(pairs, columns=[*columns, "rejected_answer_id"])
    rest = {"template": "paper", "critique": "c", "n_tries": 1, "fault": "", "status": "ok", "request_hash": "h"}
    texts = pd.DataFrame(answers, columns=["answer_id", "prompt_id", "persona_id", "kind", "text"])
    texts = texts.assign(n_words=texts["text"].str.split().str.len(), fault="", status="ok", request_hash="h")
    items = items_of(4)
    pool = judged({"large": np.tile(side[:, None], (1, 4))}, items)
    pool_texts = texts.iloc[:0].assign()
    extra = [(f"{kind}.q{i:04d}", f"q{i:04d}", "", kind, "words") for i in range(1, 5) for kind in ("divergent",)]
    pool_texts = pd.DataFrame(extra, columns=["answer_id", "prompt_id", "persona_id", "kind", "text"])
    pool_texts = pool_texts.assign(n_words=1, fault="", status="ok", request_hash="h")
    return SimpleNamespace(
        personas=personas,
        pairs=schema.check(pair_table.assign(**rest), "pairs"),
        answers=schema.check(pd.concat([texts, pool_texts]), "answers"),
        items=items,
        pool=pool,
        judgements=schema.check(choices(pair_table), "judgements"),
    )


def choices(pairs):
    """The judge keeps every pair's order under its own persona."""
    rows = pairs.rename(columns={"pair_id": "item_id", "persona_id": "persona_shown_id"})
    rows = rows[["item_id", "persona_shown_id", "chosen_answer_id"]]
    known = {"rater_id": "judge", "role": "judge", "rater_kind": "simulated", "lines_shown": "all", "swapped": False}
    return rows.assign(**known, repeat=0, chosen_position="B", status="ok", request_hash="h")


def write_pairs(run, folder, **changed):
    """The pairs, conversations and judgements of a run in a folder; prompts and descriptions hold hostile text."""
    files = {name: folder.parent / f"{name}.parquet" for name in ("pairs", "answers", "judgements")}
    for name, path in files.items():
        schema.write(getattr(run, name), path, name)
    prompts = pd.DataFrame({"prompt_id": [f"q{i:04d}" for i in range(1, 13)], "text": f"Is it so? {NASTY}"})
    people = run.personas.assign(description=[f"Age: {i}\n{NASTY}" for i in range(len(run.personas))])
    return write_preferences(folder, **files, **{"prompts": prompts, "personas": people} | changed)

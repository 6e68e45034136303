"""Do the simulated texts answer, and do critique and revision fit together? Measured over the tables of a run.

    python benchmarks/texts.py --tables data/expected/demo

Prints one JSON object. answers: how many, and how many of those to prompts with an issue open with a position on it
and give reasons of that side only. critiques: the share in which a praised sentence leans away from what is suggested
first; how many different lines the median persona cites over its first eight; the cited families of attributes beside
their declared weights (share of a person's own part, weight squared), with their total variation. revisions: the share
that moved along the first suggestion, the shares not longer than the answer, and how many took another position.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.simulator import respondents
from persona_lib.simulator.respondents import model
from persona_lib.simulator.sentences import load_bank, split
from persona_lib.simulator.world import load
from persona_lib.tables.descriptions import label_of
from persona_lib.tables.schema import attributes

FIRST = 8  # pairs of a persona whose cited lines are compared
CRITIC = "sim-large"  # the demo's
VALUES = ("ideology", "political_views", "religion")


def family(attribute: str) -> str:
    """census (observed), stated values, or idiosyncratic."""
    origin = attributes().set_index("attribute")["origin"]
    if attribute in VALUES:
        return "stated values"
    return "census" if origin[attribute] == "observed" else "idiosyncratic"


def of_answers(answers: pd.DataFrame, prompts: pd.Series) -> dict:
    """How many of the answers open with a position on their prompt's issue and give only reasons of that side."""
    n, good = 0, 0
    for row in answers.itertuples():
        if (issue := load_bank().issue(prompts[row.prompt_id])) is None:
            continue
        n += 1
        numbers = [load_bank().find(sentence) for sentence in split(row.text)]
        side = issue.side_of(numbers[0])
        held = [j for other in issue.sides for j in other.sentences if j in numbers]
        good += side is not None and numbers[0] == side.position and set(held) <= set(side.sentences) and len(held) > 1
    return {"n": len(answers), "on an issue": n, "take one side and give its reasons": round(good / n, 4)}


def of_pairs(pairs: pd.DataFrame, answers: pd.Series, described: pd.Series) -> dict:
    """Contradictions, lines cited, movement and length, over all pairs whose texts are there."""
    bank, labels, rows = load_bank(), {label: name for name, label in label_of().items()}, []
    for row in pairs.itertuples():
        base, revision = answers[row.rejected_answer_id], answers[row.chosen_answer_id]
        d, sign, _ = respondents.wishes(described[row.persona_id], base, model(CRITIC))[0]
        praised = re.findall("“([^”]*)”", row.critique.split("What speaks")[1].split("What does not")[0])
        cited = re.search(r"“([^:”]+): ", row.critique.partition("What speaks")[0])
        old, new = (sign * bank.vector(text)[0][d] for text in (base, revision))
        rows.append(
            {
                "persona_id": row.persona_id,
                "contradicts": any(sign * bank.vector(sentence)[0][d] < 0 for sentence in praised),
                "cited": labels[cited[1]] if cited else "",
                "moved": new > old,
                "shorter": len(revision.split()) < len(base.split()),
                "not longer": len(revision.split()) <= len(base.split()),
                "turned": split(revision)[0] != split(base)[0],
            }
        )
    found = pd.DataFrame(rows)
    weights = pd.Series(load().parameters["weights"]) ** 2
    declared = (weights / weights.sum()).groupby(weights.index.map(family)).sum()
    shares = found["cited"].map(family).value_counts(normalize=True).reindex(declared.index, fill_value=0.0)
    first = found.groupby("persona_id").head(FIRST).groupby("persona_id")["cited"]
    whole = first.size() == FIRST
    return {
        "n": len(found),
        "praise what the first suggestion condemns": round(found["contradicts"].mean(), 4),
        f"different lines cited in {FIRST}, median": float(first.nunique()[whole].median()),
        "personas with so many pairs": int(whole.sum()),
        "families cited": shares.round(3).to_dict(),
        "families declared": declared.round(3).to_dict(),
        "total variation": round(float(np.abs(shares - declared).sum() / 2), 3),
        "line cited most": found["cited"].value_counts(normalize=True).head(3).round(3).to_dict(),
        "moved along the first suggestion": round(found["moved"].mean(), 4),
        "not longer": round(found["not longer"].mean(), 4),
        "shorter": round(found["shorter"].mean(), 4),
        "took another position": round(found["turned"].mean(), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, default=Path("data/expected/demo"))
    folder = parser.parse_args().tables
    answers, pairs, personas, prompts = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("answers", "pairs", "personas", "prompts")
    )
    answers, pairs = (table[table["status"] == "ok"] for table in (answers, pairs))
    texts = answers.set_index("answer_id")["text"]
    plain = answers[answers["kind"] == "baseline"]
    found = {"answers": of_answers(plain, prompts.set_index("prompt_id")["text"])}
    found["pairs"] = of_pairs(pairs, texts, personas.set_index("persona_id")["description"])
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

"""A blind test of the simulated answers: can a reader tell what was asked, and which side the answer takes?

    python benchmarks/blind.py draw --tables data/expected/demo  # writes blind/texts.csv and blind/key.csv
    python benchmarks/blind.py sides                              # writes blind/sides.csv, given blind/read.csv
    python benchmarks/blind.py score                              # given blind/matched.csv

`texts.csv`: sixty answers of a run, each with ten prompts of one topic, one of which was asked. A reader who sees only
this file writes `read.csv`: item, prompt (1 to 10), side (in the reader's own words). `sides.csv` shows these words
beside the declared positions on the issue in random order, without the answer; a second reader writes `matched.csv`:
item, position (a number). `score` counts both against `key.csv`, with Wilson's intervals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from persona_lib.simulator.issues import plain
from persona_lib.simulator.issues import prompts as issues_of
from persona_lib.simulator.sentences import load_bank, split
from persona_lib.simulator.topics import classify

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).with_name("blind")
N_ITEMS, N_SHOWN, SEED = 60, 10, 20261126


def draw(tables: Path) -> None:
    """Sixty baseline answers on different issues, with ten prompts of their topic, no other on the same issue."""
    rng = np.random.default_rng(SEED)
    topics = pd.read_csv(ROOT / "data" / "reference" / "prism_topics.csv").query("cluster_id != -1")["topic"].tolist()
    bank = pd.read_csv(ROOT / "data" / "prompts" / "bank.csv").drop_duplicates("issue")
    bank["topic"] = [classify(text, topics, error=0.0)[1] for text in bank["text"]]
    answers = pd.read_parquet(tables / "answers.parquet").query("kind == 'baseline' and status == 'ok'")
    asked = pd.read_parquet(tables / "prompts.parquet").set_index("prompt_id")["text"]
    answers = answers.assign(prompt=answers["prompt_id"].map(asked))
    answers["issue"] = [issues_of().get(plain(text), "") for text in answers["prompt"]]
    answers = answers[answers["issue"] != ""].drop_duplicates("issue")
    texts, key = [], []
    for row in answers.iloc[rng.permutation(len(answers))].itertuples():
        topic = classify(row.prompt, topics, error=0.0)[1]
        others = bank[(bank["topic"] == topic) & (bank["issue"] != row.issue)]["text"].to_numpy()
        if len(others) < N_SHOWN - 1 or len(texts) == N_ITEMS:
            continue
        shown = rng.permutation([row.prompt, *rng.choice(others, N_SHOWN - 1, replace=False)])
        item, issue = len(texts) + 1, load_bank().issue(row.prompt)
        side = issue.sides.index(issue.side_of(load_bank().find(split(row.text)[0])))
        texts.append({"item": item, "answer": row.text, **{f"prompt_{i}": text for i, text in enumerate(shown, 1)}})
        order = rng.permutation(len(issue.sides))
        key.append(
            {"item": item, "issue": row.issue, "prompt": int(np.flatnonzero(shown == row.prompt)[0]) + 1,
             "order": " ".join(map(str, order)), "position": int(np.flatnonzero(order == side)[0]) + 1}
        )  # fmt: skip
    FOLDER.mkdir(exist_ok=True)
    pd.DataFrame(texts).to_csv(FOLDER / "texts.csv", index=False)
    pd.DataFrame(key).to_csv(FOLDER / "key.csv", index=False)
    print(f"{len(texts)} items")


def sides() -> None:
    """What the reader said of the side, beside the declared positions, without the answer."""
    read, key = (pd.read_csv(FOLDER / f"{name}.csv") for name in ("read", "key"))
    rows = []
    for row in key.merge(read[["item", "side"]], on="item", validate="1:1").itertuples():
        issue = load_bank().issues[row.issue]
        said = [load_bank().wordings[issue.sides[int(i)].position][0] for i in row.order.split()]
        rows.append({"item": row.item, "side": row.side, **{f"position_{i}": text for i, text in enumerate(said, 1)}})
    pd.DataFrame(rows).to_csv(FOLDER / "sides.csv", index=False)


def score() -> None:
    """Shares of prompts picked rightly and of sides named rightly."""
    read, matched, key = (pd.read_csv(FOLDER / f"{name}.csv").set_index("item") for name in ("read", "matched", "key"))
    for name, right in (
        ("prompt", read["prompt"].reindex(key.index) == key["prompt"]),
        ("side", matched["position"].reindex(key.index) == key["position"]),
    ):
        low, high = proportion_confint(int(right.sum()), len(right), method="wilson")
        print(f"{name}: {right.sum()} of {len(right)} right, {right.mean():.3f} ({low:.3f} to {high:.3f});"
              f" wrong: {', '.join(map(str, right.index[~right])) or 'none'}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["draw", "sides", "score"])
    parser.add_argument("--tables", type=Path, default=ROOT / "data" / "expected" / "demo")
    given = parser.parse_args()
    {"draw": lambda: draw(given.tables), "sides": sides, "score": score}[given.what]()


if __name__ == "__main__":
    main()

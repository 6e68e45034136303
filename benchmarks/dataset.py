"""Time and memory of writing the dataset folder at the paper's size, from made-up tables; see README.md.

    python benchmarks/dataset.py FOLDER [--pairs 317200]

makes tables of so many pairs in FOLDER, each answer and critique as long as in the demo run, and writes the folder
`dataset` from them in a process of its own, whose peak of resident memory is told.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.exporting.preferences import write_preferences
from persona_lib.tables import schema

N_PERSONAS, N_PROMPTS = 1586, 3868
WORDS = np.array(
    ["friend", "neighbour", "question", "answer", "reason", "matter", "people", "think", "would", "should"]
)


def texts(n: int, n_words: int, rng: np.random.Generator) -> list[str]:
    """So many texts of so many words."""
    return [" ".join(row) for row in WORDS[rng.integers(len(WORDS), size=(n, n_words))]]


def make(folder: Path, n_pairs: int) -> None:
    """Tables pairs, answers and judgements of a run of this size, sorted by key, in parts of 20,000 rows."""
    rng = np.random.default_rng(1)
    people, prompts = [f"p{i:04d}" for i in range(1, N_PERSONAS + 1)], [f"q{i:04d}" for i in range(N_PROMPTS)]
    each = -(-n_pairs // N_PERSONAS)
    keys = [(p, prompts[j]) for p in people for j in np.sort(rng.permutation(N_PROMPTS)[:each])][:n_pairs]
    ids = pd.DataFrame(keys, columns=["persona_id", "prompt_id"])
    ids["pair_id"] = ids["persona_id"] + "." + ids["prompt_id"]
    rest = {"template": "paper", "n_tries": 1, "fault": "", "status": "ok", "request_hash": "0" * 64}
    splits = np.array(["train", "train", "heldout_pair", "heldout_prompt"])
    is_train = ids["persona_id"] <= "p1000"
    ids = ids.assign(
        persona_split=np.where(is_train, "train", "heldout_persona"),
        pair_split=splits[np.arange(len(ids)) % 4],
        chosen_answer_id="revision." + ids["pair_id"],
        rejected_answer_id="baseline." + ids["prompt_id"],
        **rest,
    )
    parts = (ids.iloc[i : i + 20_000] for i in range(0, len(ids), 20_000))
    if not (folder / "pairs.parquet").is_file():
        schema.write_parts(
            (p.assign(critique=texts(len(p), 180, rng)) for p in parts), folder / "pairs.parquet", "pairs"
        )
    kinds = {"baseline": ("baseline." + pd.Series(prompts)), "revision": ids["chosen_answer_id"]}

    def answers():
        for kind, names in kinds.items():
            for i in range(0, len(names), 20_000):
                part = pd.DataFrame({"answer_id": names.iloc[i : i + 20_000]})
                split = part["answer_id"].str.split(".")
                part = part.assign(prompt_id=split.str[-1], persona_id="" if kind == "baseline" else split.str[1])
                told = {"kind": kind, "n_words": 105, "fault": "", "status": "ok", "request_hash": "0" * 64}
                yield part.assign(text=texts(len(part), 105, rng), **told)

    schema.write_parts(answers(), folder / "answers.parquet", "answers")
    judged = ids.iloc[:3000].assign(item_id=ids["pair_id"], persona_shown_id=ids["persona_id"], rater_id="judge")
    judged = judged.assign(role="judge", rater_kind="model", lines_shown="all", swapped=False, repeat=0)
    judged = judged.assign(chosen_position="B")[list(schema.tables()["judgements"].columns)]
    schema.write(judged, folder / "judgements.parquet", "judgements")
    pd.DataFrame({"prompt_id": prompts, "text": texts(N_PROMPTS, 12, rng)}).to_parquet(folder / "prompts.parquet")
    pd.DataFrame({"persona_id": people, "description": texts(N_PERSONAS, 250, rng)}).to_parquet(folder / "p.parquet")


def main() -> None:
    """Make the tables unless they are there, write the folder, tell time, memory and size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=317_200)
    parser.add_argument("--write", action="store_true", help="only write; what the first process starts")
    chosen = parser.parse_args()
    folder = chosen.folder
    if not chosen.write:
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, chosen.pairs)
        subprocess.run([sys.executable, __file__, str(folder), "--write"], check=True)
        return
    files = {name: folder / f"{name}.parquet" for name in ("pairs", "answers", "judgements")}
    tables = {"prompts": pd.read_parquet(folder / "prompts.parquet"), "personas": pd.read_parquet(folder / "p.parquet")}
    begin = time.process_time()
    told = write_preferences(folder / "dataset", **files, **tables)
    seconds = time.process_time() - begin
    n = sum(each["num_examples"] for each in told[0]["splits"])
    size = sum(path.stat().st_size for path in (folder / "dataset").rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n:,} pairs: {seconds:.0f} CPU-seconds, peak {peak:.2f} GiB, {size / 1e9:.2f} GB written")


if __name__ == "__main__":
    main()

"""PRISM's own people: who they are, and which of several answers each of them rated highest.

The files are those of PRISM's release [1]_: `survey.jsonl` (one line a person) and `utterances.jsonl` (one line an
answer with the score from 1 to 100 that the person gave it). They are read where a user has them; none of them is
shipped. Their fields are those of its code book (notebooks/pre-release processing/04_codebooks.ipynb of
github.com/HannahKirk/prism-alignment): the first turn is 0, its four answers are by different models, and an empty text
is stored as EMPTY STRING.

.. [1] H. R. Kirk et al. (2024). The PRISM Alignment Project. arXiv:2404.16019.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.estimating.resample import clustered_rate
from persona_lib.people.prediction import held_out_bits, indicators
from persona_lib.tables.schema import SchemaError, statistic

TOLD = {"age": "Age", "gender": "Sex", "education": "Education", "employment_status": "Employment status"}
TOLD |= {"marital_status": "Marital status", "ethnicity": "Race", "religion": "Religion", "location": "Place"}
UTTERANCES = ["utterance_id", "interaction_id", "user_id", "turn", "user_prompt", "model_response", "score"]
EMPTY = "EMPTY STRING"
PAIRS = ["item_id", "person_id", "prompt", "answer_a_id", "answer_b_id", "swapped"]


def read_people(path: str | Path) -> pd.DataFrame:
    """PRISM's people of `survey.jsonl`: person_id, description and the columns of `TOLD` as text, missing if not said.

    Where the file holds a mapping, its `simplified` entry counts (ethnicity, religion), or `reside_country` (location).

    Raises
    ------
    SchemaError
        No such file; a line that is no JSON; no `user_id`.
    """
    raw = _lines(path, ["user_id"])
    found = pd.DataFrame({"person_id": raw["user_id"]})
    for name in TOLD:
        values = raw[name] if name in raw else pd.Series(None, index=raw.index, dtype=object)
        found[name] = [_plain(value) for value in values]
    lines = [
        [f"{label}: {value}" for name, label in TOLD.items() if isinstance(value := row[name], str)]
        for row in found.to_dict("records")
    ]
    return found.assign(description=["\n".join(each) for each in lines])


def read_pairs(path: str | Path, *, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of every first question the answer that the person scored highest, and one of the others: pairs and answers.

    A question whose highest score two answers share, or that has one answer with a score and a text, has no pair: where
    scores are tied, the file's own `if_chosen` is drawn at random. The other
    answer is drawn at random, and so is whether the highest one is shown second.

    Returns
    -------
    pairs : `PAIRS`: answer a is the one scored highest; swapped: b is shown first
    answers : answer_id, text

    Raises
    ------
    SchemaError
        As of `read_people`; a column is missing.
    """
    raw = _lines(path, UTTERANCES)
    scored = raw[(raw["turn"] == 0) & raw["score"].notna()]
    scored = scored[scored[["user_prompt", "model_response"]].ne(EMPTY).all(axis=1)]
    rng = np.random.default_rng(seed)
    rows = []
    for item_id, part in scored.sort_values("utterance_id").groupby("interaction_id"):
        best = part["score"].max()
        others = part[part["score"] < best]
        if (part["score"] == best).sum() != 1 or others.empty:
            continue
        first, other = part[part["score"] == best].iloc[0], others.iloc[rng.integers(len(others))]
        ids = first["utterance_id"], other["utterance_id"], bool(rng.integers(2))
        rows.append((item_id, first["user_id"], first["user_prompt"], *ids))
    answers = scored[["utterance_id", "model_response"]].set_axis(["answer_id", "text"], axis=1)
    return pd.DataFrame(rows, columns=PAIRS), answers.drop_duplicates("answer_id").reset_index(drop=True)


def accuracy_statistics(
    pairs: pd.DataFrame,
    answers: pd.DataFrame,
    people: pd.DataFrame,
    chosen: pd.Series,
    *,
    n_folds: int = 10,
    seed: int = 1,
) -> list[dict]:
    """accuracy of a judge who was shown each person's description, of a demographics-only model, and of chance.

    The demographics-only model knows how much longer one answer is than the other and, for each value of each
    demographic, how far such people lean to the longer one: a ridge logit, on people whom it did not see. `length`
    takes the longer answer. Intervals are clustered by person.

    Parameters
    ----------
    pairs, answers, people : the results of `read_pairs` and `read_people`
    chosen : the answer_id that the judge chose, on the index of `pairs`; missing or '' where it chose none
    """
    words = answers.set_index("answer_id")["text"].str.split().str.len().clip(lower=1)
    longer = np.log(pairs["answer_a_id"].map(words) / pairs["answer_b_id"].map(words)).to_numpy()
    shown_first = np.where(pairs["swapped"], -longer, longer)  # of what stands first
    is_first = (~pairs["swapped"].astype(bool)).to_numpy().astype(int)  # the answer scored highest stands first
    known = people.set_index("person_id").reindex(pairs["person_id"]).reset_index()
    lean = indicators(known, list(TOLD)) * shown_first[:, None]
    person = pd.factorize(pairs["person_id"])[0]
    fold = (np.random.default_rng(seed).permutation(person.max() + 1) % n_folds)[person]
    features = np.column_stack([shown_first, lean])
    _, right = held_out_bits(features, is_first, np.ones(len(pairs)), fold, n_answers=2)
    chose = chosen.reindex(pairs.index)
    is_known = chose.notna() & chose.ne("")
    by = {
        "judge": (chose == pairs["answer_a_id"]).astype(float).where(is_known),
        "demographics only": pd.Series(right, pairs.index),
        "length": pd.Series(np.where(longer == 0, 0.5, longer > 0), pairs.index),
    }
    rows = []
    for name, values in by.items():
        table = pairs.assign(right=values)
        if name == "length":
            table = table[longer != 0]
        rows.append(clustered_rate(table, value="right", clusters=["person_id"]).row("accuracy", name))
    return [*rows, statistic("accuracy", "chance", 0.5, n=len(pairs), method="one of two")]


def _plain(value: object) -> object:
    """A text, or that of a mapping; None for what was not said."""
    if isinstance(value, dict):
        value = value.get("simplified", value.get("reside_country"))
    return value if isinstance(value, str) and value not in ("", "Prefer not to say") else None


def _lines(path: str | Path, wanted: list[str]) -> pd.DataFrame:
    if not Path(path).is_file():
        raise SchemaError(f"{path}: no such file")
    try:
        found = pd.read_json(path, lines=True, dtype=False)
    except ValueError as error:
        raise SchemaError(f"{path}: not lines of JSON: {error}") from error
    if missing := [name for name in wanted if name not in found]:
        raise SchemaError(f"{path}: column {', '.join(missing)} is missing; give the file of PRISM's release")
    return found

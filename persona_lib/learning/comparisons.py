"""What a preference model learns from and is judged on: comparisons of two answers, each with the persona who chooses.

Four sources. `pair`: a persona's revision against the plain answer. `other`: its revision against a revision of the
same plain answer for somebody else, so that what all revisions share (they are shorter) decides nothing. `judged`: what
the judge chose of a pair, shown this persona. `pool`: what the lead model chose of the pool's two answers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.tables import schema
from persona_lib.tables.judgements import lead_model
from persona_lib.tables.streams import generator

SOURCES = ("pair", "other", "judged", "pool")
TRAIN = "train"
HELD_OUT = ("heldout_pair", "heldout_prompt", "heldout_persona")
COLUMNS = ["source", "split", "persona_id", "prompt_id", "answer_a_id", "answer_b_id", "prefers_b", "is_history"]
N_OTHERS = 4  # others' revisions that one is compared with, at most: all of them would grow as the square of the size


def split_of(pairs: pd.DataFrame) -> pd.Series:
    """Where each pair belongs: train, or one of `HELD_OUT`.

    Train is a train pair of a train persona. All pairs of a held-out persona are heldout_persona.

    Examples
    --------
    >>> pairs = pd.DataFrame({"persona_split": ["train", "heldout_persona"], "pair_split": ["heldout_pair", "train"]})
    >>> split_of(pairs).tolist()
    ['heldout_pair', 'heldout_persona']
    """
    return pairs["pair_split"].mask(pairs["persona_split"] == "heldout_persona", "heldout_persona")


def of_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Every usable pair as a comparison: answer a is the plain one, answer b the revision, which the persona prefers.

    Parameters
    ----------
    pairs : table `pairs`

    Returns
    -------
    Columns `COLUMNS`, one row per pair with status ok; prefers_b is 1. is_history marks the train pairs of everybody,
    held-out personas among them: a model that knows a person by earlier pairs may read these, but for the one of the
    very prompt that it is asked about.
    """
    read = ["persona_id", "prompt_id", "persona_split", "pair_split", "rejected_answer_id", "chosen_answer_id"]
    ok = pairs.loc[pairs["status"] == "ok", read]  # without the critiques, which are most of the table
    found = ok[["persona_id", "prompt_id"]].assign(source="pair", split=split_of(ok), prefers_b=1)
    found["is_history"] = ok["pair_split"] == TRAIN
    found = found.assign(answer_a_id=ok["rejected_answer_id"], answer_b_id=ok["chosen_answer_id"])
    return found[COLUMNS].reset_index(drop=True)


def of_others(pairs: pd.DataFrame) -> pd.DataFrame:
    """A persona's revision against those that others got for the same prompt: a is another's, b the own.

    That a revision suits the one for whom it was written better than another's does is an assumption; `judged` asks the
    judge. In training both revisions come from train pairs, in a test neither, so that none of them was trained on.

    Returns
    -------
    Columns `COLUMNS`, one row per revision and each of the next `N_OTHERS` personas' revisions of the same prompt, in
    the order of their names and round in a circle; prefers_b is 1.
    """
    own = of_pairs(pairs).assign(source="other", is_history=False)
    is_train = own["split"] == TRAIN
    own = own.assign(is_train=is_train).sort_values(["prompt_id", "is_train", "persona_id"], ignore_index=True)
    by = own.groupby(["prompt_id", "is_train"])
    place, size = by.cumcount().to_numpy(), by["persona_id"].transform("size").to_numpy()
    row, step = np.nonzero(np.arange(1, N_OTHERS + 1) < size[:, None])
    other = row - place[row] + (place[row] + 1 + step) % size[row]
    revisions = own["answer_b_id"]
    return own[COLUMNS].iloc[row].assign(answer_a_id=revisions.iloc[other].to_numpy()).reset_index(drop=True)


def of_judgements(judgements: pd.DataFrame, pairs: pd.DataFrame, personas: pd.DataFrame) -> pd.DataFrame:
    """The judge's choices under a whole persona, the pair's own or another: a the plain answer, b the revision.

    A choice about a pair that is trained on is train if the persona shown is a train persona; if not it is left out,
    since its texts were trained on. Both orders are rows.

    Parameters
    ----------
    judgements : table `judgements`
    pairs : table `pairs`
    personas : table `personas`

    Returns
    -------
    Columns `COLUMNS`, one row per scored choice; prefers_b is 1 where the revision was chosen, else 0.
    """
    scored = judgements[(judgements["status"] == "ok") & (judgements["lines_shown"] == "all")]
    known = of_pairs(pairs).assign(pair_id=pairs.loc[pairs["status"] == "ok", "pair_id"].to_numpy())
    known = known.drop(columns=["source", "prefers_b", "persona_id"])
    rows = scored.rename(columns={"persona_shown_id": "persona_id"}).merge(
        known, left_on="item_id", right_on="pair_id", validate="m:1"
    )
    is_new = rows["persona_id"].map(personas.set_index("persona_id")["persona_split"]) == "heldout_persona"
    on_new_prompt = rows["pair_id"].map(pairs.set_index("pair_id")["pair_split"]) == "heldout_prompt"
    split = on_new_prompt.map({True: "heldout_prompt", False: "heldout_pair"})
    is_train = rows["split"] == TRAIN
    split = split.mask(is_train, TRAIN).mask(is_new, "heldout_persona")
    rows = rows.assign(source="judged", split=split, is_history=False)[~(is_train & is_new)]
    return rows.assign(prefers_b=(rows["chosen_answer_id"] == rows["answer_b_id"]).astype(int))[COLUMNS].reset_index(
        drop=True
    )


def of_pool(judgements: pd.DataFrame, items: pd.DataFrame, personas: pd.DataFrame) -> pd.DataFrame:
    """The lead model's first choices on the pool, as every persona: held-out prompts, answers of another kind.

    Returns
    -------
    Columns `COLUMNS`; split is heldout_persona for held-out personas, else heldout_prompt.
    """
    mine = judgements[(judgements["rater_id"] == lead_model(judgements)) & (judgements["role"] == "panel")]
    first = mine[(mine["repeat"] == 0) & (mine["lines_shown"] == "all") & (mine["status"] == "ok")]
    rows = first.rename(columns={"persona_shown_id": "persona_id"}).merge(items, on="item_id", validate="m:1")
    is_new = rows["persona_id"].map(personas.set_index("persona_id")["persona_split"]) == "heldout_persona"
    rows = rows.assign(
        source="pool", split=is_new.map({True: "heldout_persona", False: "heldout_prompt"}), is_history=False
    )
    return rows.assign(prefers_b=(rows["chosen_answer_id"] == rows["answer_b_id"]).astype(int))[COLUMNS]


def comparisons(
    pairs: pd.DataFrame,
    judgements: pd.DataFrame,
    pool_items: pd.DataFrame,
    pool_judgements: pd.DataFrame,
    personas: pd.DataFrame,
) -> pd.DataFrame:
    """All comparisons of a run.

    Returns
    -------
    One row per comparison, columns `COLUMNS`: source (`SOURCES`), split (train or one of `HELD_OUT`), persona_id,
    prompt_id, answer_a_id, answer_b_id, prefers_b (1 or 0), is_history.

    Raises
    ------
    SchemaError
        The pairs are of personas that are not in the table.
    """
    if strange := sorted(set(pairs["persona_id"]) - set(personas["persona_id"])):
        raise schema.SchemaError(f"pairs: persona {strange[0]!r} is not in table personas; read tables of one run")
    parts = [of_pairs(pairs), of_others(pairs), of_judgements(judgements, pairs, personas)]
    return pd.concat([*parts, of_pool(pool_judgements, pool_items, personas)], ignore_index=True)


def drawn(rows: pd.DataFrame, *, n_tests: int, seed: int) -> pd.DataFrame:
    """The held-out comparisons that models are judged on: of each source and split at most `n_tests`, at random.

    Returns
    -------
    Rows of `comparisons` in their order; none that is trained on.
    """
    held_out = rows[rows["split"].isin(HELD_OUT)]
    order = pd.Series(generator(seed, "learning.tests").permutation(len(held_out)), index=held_out.index)
    return held_out[order.groupby([held_out["source"], held_out["split"]]).rank() <= n_tests].reset_index(drop=True)

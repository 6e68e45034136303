"""A preference model as the reward of a trainer: how much rather one person would read this than the plain answer.

The functions have the signatures that TRL's GRPO [1]_ and verl [2]_ document, and need neither of them.

References
----------
.. [1] TRL, GRPO Trainer, section "Using a custom reward function". huggingface.co/docs/trl/grpo_trainer
.. [2] verl, Implement Reward Function for Dataset, section "Customized". verl.readthedocs.io/en/latest/preparation
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from persona_lib.learning.comparisons import comparisons
from persona_lib.learning.features import ALL
from persona_lib.learning.reward_models import Material, Scorer, fit_persona, material
from persona_lib.tables import schema

LARGEST = 10.0  # log odds; no text is worth more, and one without a word is worth this less than the plain answer
TABLES = ("pairs", "answers", "judgements", "pool_items", "pool_answers", "pool_judgements", "personas")
ASKED = ("persona_id", "prompt_id", "rejected")  # columns of the dataset's pairs that say who is asked, and of what
Text = str | Sequence[Mapping[str, str]]  # plain, or a conversation whose last message counts


def learn(
    folder: str | Path, *, n_components: int, n_rows: int, inverse_penalty: float, seed: int
) -> tuple[Material, Scorer]:
    """The model that reads the whole description, learned from the train pairs of a run: what rewards are made of.

    Parameters
    ----------
    folder : holds the tables `TABLES` of one run as Parquet files
    n_components, n_rows, inverse_penalty : as `learning` of the configuration has them

    Raises
    ------
    SchemaError
        A table is missing or not as declared, or the tables are of several runs.
    """
    read = {name: schema.read(Path(folder) / f"{name}.parquet", name) for name in TABLES}
    chosen = [read[name] for name in ("pairs", "judgements", "pool_items", "pool_judgements", "personas")]
    answers = pd.concat([read["answers"], read["pool_answers"]]).drop_duplicates("answer_id")
    known = material(
        comparisons(*chosen), answers, read["personas"], n_components=n_components, n_rows=n_rows, seed=seed
    )
    return known, fit_persona(known, lines_shown=ALL, inverse_penalty=inverse_penalty)


def rewards(
    known: Material,
    score: Scorer,
    texts: Sequence[Text],
    *,
    persona_id: Sequence[str],
    prompt_id: Sequence[str],
    rejected: Sequence[Text],
) -> np.ndarray:
    """Log odds that each persona prefers a text to the plain answer of the same prompt.

    0: as good as the plain answer; above 0: better. No more than `LARGEST` either way. A text without a word has
    -`LARGEST`: a model of pairs likes what is brief, and would like silence best.

    Parameters
    ----------
    known, score : the result of `learn`, or a `Material` and one of the models fitted on it
    texts, rejected : the text and the plain answer, one of each a row
    persona_id, prompt_id : who reads it, and what was asked

    Returns
    -------
    One number a row, in [-`LARGEST`, `LARGEST`].

    Raises
    ------
    SchemaError
        A persona that the model was not told of; names it.
    """
    if strange := sorted(set(persona_id) - set(known.personas["persona_id"])):
        raise schema.SchemaError(f"reward: no persona {strange[0]!r} in the tables; train and learn on one run")
    n = len(texts)
    if not n:
        return np.empty(0)
    said = pd.Series([_plain(text) for text in (*rejected, *texts)], dtype=object)
    names = [f"{kind}.{i}" for kind in ("rejected", "text") for i in range(n)]
    shown = pd.DataFrame({"answer_id": names, "text": said, "n_words": said.str.split().str.len()})
    rows = pd.DataFrame({"persona_id": list(persona_id), "prompt_id": list(prompt_id)})
    rows = rows.assign(answer_a_id=names[:n], answer_b_id=names[n:])
    worth = np.clip(score(rows, texts=known.reader.features(shown)), -LARGEST, LARGEST)
    return np.where(shown["n_words"].to_numpy()[n:] > 0, worth, -LARGEST)


def _plain(text: Text) -> str:
    return text if isinstance(text, str) else text[-1]["content"] if len(text) else ""


def grpo_reward(known: Material, score: Scorer) -> Callable[..., list[float]]:
    """A reward function for TRL's `GRPOTrainer`, on the dataset's config `pairs` or `conversations`.

    The trainer hands over its completions and the columns of the dataset, of which `ASKED` are read. Texts and
    conversations are both understood.
    """

    def persona_reward(completions, *, persona_id, prompt_id, rejected, **_: Any) -> list[float]:
        asked = {"persona_id": persona_id, "prompt_id": prompt_id, "rejected": rejected}
        return rewards(known, score, completions, **asked).tolist()

    return persona_reward


def verl_reward(known: Material, score: Scorer) -> Callable[..., float]:
    """A reward function for verl: what `custom_reward_function.name` names, `compute_score` if it names nothing.

    `ground_truth` is the plain answer, the dataset's column `rejected`; `extra_info` holds persona_id and prompt_id.
    """

    def compute_score(data_source, solution_str, ground_truth, extra_info=None) -> float:
        told = extra_info or {}
        if missing := [key for key in ("persona_id", "prompt_id") if key not in told]:
            raise schema.SchemaError(f"reward: extra_info of {data_source} lacks {missing[0]}: who is asked, and what?")
        who, what = [told["persona_id"]], [told["prompt_id"]]
        return float(rewards(known, score, [solution_str], persona_id=who, prompt_id=what, rejected=[ground_truth])[0])

    return compute_score

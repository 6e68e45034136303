"""What answers are worth to personas in the simulated world: the truth against which preference models pick answers."""

from __future__ import annotations

import pandas as pd

from persona_lib.simulator.forms import parse_description
from persona_lib.simulator.sentences import load_bank
from persona_lib.simulator.world import load


def utilities(candidates: pd.DataFrame, personas: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Table `utilities`: the utility of each candidate for its persona, read without any model's error.

    Parameters
    ----------
    candidates : persona_id, prompt_id, answer_id, as `best_of_n.plan_candidates` draws them
    personas, answers : tables of the run

    Raises
    ------
    KeyError
        A candidate's persona or answer is not in the tables.
    """
    world, bank = load(), load_bank()
    text, told = answers.set_index("answer_id")["text"], personas.set_index("persona_id")["description"]
    stands = {key: world.position(parse_description(told[key])) for key in candidates["persona_id"].unique()}
    worth = []
    for persona, answer in zip(candidates["persona_id"], candidates["answer_id"], strict=True):
        vector, n_words = bank.vector(text[answer])
        worth.append(float(world.utility(stands[persona], vector, n_words)))
    return candidates.assign(utility=worth)

"""How many model calls a configuration asks for, before anything is asked."""

from __future__ import annotations

import pandas as pd

from persona_lib.schema import attributes


def planned_calls(settings: dict, *, n_bank: int | None = None) -> pd.DataFrame:
    """Calls per collection stage by the configuration alone: table `plan`.

    Upper bounds: a step is not asked where the step before it failed, equal requests are sent
    once, and what a ledger holds is not asked again. Only stage prompts depends on a file, the
    bank; `n_bank` is its number of rows, without it the number of prompts kept stands in, which
    is a lower bound.

    Examples
    --------
    >>> from yaml import safe_load
    >>> demo = safe_load(open("config/demo.yaml"))
    >>> int(planned_calls(demo, n_bank=333).set_index("stage").n_calls["ablation"])
    3060
    """
    feedback, pool, ablation = settings["feedback"], settings["pool"], settings["ablation"]
    n_personas, n_prompts = settings["personas"]["n"], settings["prompts"]["n"]
    n_models, n_panel = len(settings["roles"]["contestants"]), len(settings["roles"]["panel"])
    per_persona = feedback["n_train_pairs"] + feedback["n_heldout_pairs"] + feedback["n_heldout_prompts"]
    n_pairs = n_personas * per_persona
    n_draws = settings["population"]["n_draws"]
    n_benchmark, n_attempted = settings["benchmark"]["n_items"], settings["pass_at_k"]["n_items"]
    n_attempts = settings["pass_at_k"]["n_attempts"]
    n_cells = pool["n_panel_personas"] * pool["n_items"]
    n_rated = pool["n_panel_personas"] * pool["n_panel_items"]
    n_studied = len(attributes()) + 1
    rows = [
        (
            "personas",
            2 * n_draws if settings["personas"]["model_stage"] else 0,
            "census, draws",
            "each draw: write the open field, check consistency",
        ),
        ("prompts", n_bank or n_prompts, "the bank", "each distinct question of the bank: classify"),
        (
            "feedback",
            min(n_prompts, n_pairs) + 2 * n_pairs,
            "personas, prompts",
            "each prompt: answer; each persona x pair: critique, revise",
        ),
        (
            "validation",
            6 * settings["validation"]["n_pairs"],
            "pairs, answers, personas",
            "each pair: three personas shown (own, another, none) x two orders",
        ),
        (
            "pool",
            2 * pool["n_items"] + n_personas * pool["n_items"] + (n_panel - 1) * n_cells + pool["n_raters"] * n_rated,
            "personas, prompts",
            "each item: two answers; first model x every persona; other models and raters x panel personas",
        ),
        (
            "ablation",
            n_studied * ablation["n_personas"] * ablation["n_questions"] * 3,
            "items, pool_answers, personas",
            "33 attributes and a placebo x personas x questions x three arms",
        ),
        (
            "benchmark",
            n_benchmark * n_models * (4 + 4 + 1 + 1 + 1),
            "personas, prompts",
            "each item x model: four modes answered and examined, one calibration, a summary, its dropped attributes",
        ),
        (
            "pass_at_k",
            n_attempted * n_attempts * n_models * 2 * 2,
            "personas, prompts",
            "each item x model x attempt: with and without the persona, answered and examined",
        ),
    ]
    return pd.DataFrame(rows, columns=["stage", "n_calls", "reads", "multiplies"])

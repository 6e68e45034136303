"""The sizes of a configuration against each other and against its prompt bank, before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping

from persona_lib.stages.feedback import pairs_each
from persona_lib.stages.prompts import read_bank, screen
from persona_lib.tables.schema import SchemaError

Limit = tuple[str, str, int, str]  # a key, what it may be at most in words and in number, what else would help


def faults(config: Mapping) -> list[tuple[tuple, str]]:
    """Every size that is more than there can be: its keys, and both values with what to change.

    A bound is never too low: answers of models may leave less, and then the stage says so.
    """
    try:
        limits = [*_of_prompts(config), *_of_personas(config), *_of_items(config)]
    except SchemaError as error:
        return [(("prompts", "bank"), str(error))]
    found = []
    for key, bound, most, other in limits:
        block, name = key.split(".")
        value = config[block][name]
        if value > most:
            found.append(((block, name), f"{value} is more than {most}, {bound}: lower it, or {other}"))
    return found


def _of_prompts(config: Mapping) -> list[Limit]:
    prompts, feedback, bank = config["prompts"], config["feedback"], config["prompts"]["bank"]
    reasons = screen(read_bank(bank))["reason"]
    pass_rules = f"the prompts of {bank} ({len(reasons)}) that pass the rules, of which a classifier may drop more"
    heldout = _heldout(config)
    limits = [
        ("prompts.n", pass_rules, int((reasons == "").sum()), "enlarge prompts.bank"),
        ("prompts.n_train", f"prompts.n = {prompts['n']} less one", prompts["n"] - 1, "raise prompts.n"),
        ("feedback.n_heldout_prompts", *heldout),
        ("feedback.n_train_pairs", f"prompts.n_train = {prompts['n_train']} less feedback.n_heldout_pairs = "
         f"{feedback['n_heldout_pairs']}", prompts["n_train"] - feedback["n_heldout_pairs"],
         "raise prompts.n_train"),
    ]  # fmt: skip
    if prompts["n_classified"] is not None:
        limits += [("prompts.n", "prompts.n_classified", prompts["n_classified"], "raise prompts.n_classified")]
    return limits


def _heldout(config: Mapping) -> tuple[str, int, str]:
    n, n_train = config["prompts"]["n"], config["prompts"]["n_train"]
    words = f"the held-out prompts (prompts.n = {n} less prompts.n_train = {n_train})"
    return words, n - n_train, "raise prompts.n or lower prompts.n_train"


def _of_personas(config: Mapping) -> list[Limit]:
    n, n_draws = config["personas"]["n"], config["population"]["n_draws"]
    of_all = (f"personas.n = {n}", n, "raise personas.n")
    return [
        ("personas.n", f"population.n_draws = {n_draws}", n_draws, "raise population.n_draws"),
        ("personas.n_train", f"personas.n = {n} less one", n - 1, "raise personas.n"),
        ("pool.n_panel_personas", *of_all),
        ("ablation.n_personas", *of_all),
        ("survey.n_personas", *of_all),
    ]


def _of_items(config: Mapping) -> list[Limit]:
    pool, feedback, n = config["pool"], config["feedback"], config["personas"]["n"]
    per_persona = pairs_each(feedback)
    heldout = _heldout(config)
    in_pool = (f"pool.n_items = {pool['n_items']}", pool["n_items"], "raise pool.n_items")
    judged = (f"pool.n_panel_items = {pool['n_panel_items']}", pool["n_panel_items"], "raise pool.n_panel_items")
    pairs = (f"personas.n = {n} x {per_persona} pairs", n * per_persona, "raise personas.n or feedback.n_*")
    crossed = (f"personas.n = {n} x {heldout[1]} held-out prompts", n * heldout[1], "raise personas.n or prompts.n")
    return [
        ("pool.n_items", *heldout),
        ("pool.n_panel_items", *in_pool),
        ("agreement.min_shared", *judged),
        ("ablation.n_questions", *in_pool),
        ("validation.n_pairs", *pairs),
        ("validation.n_contests", *crossed),
        ("benchmark.n_items", *crossed),
        ("pass_at_k.n_items", *crossed),
    ]

"""What tests of the common pool share: its items, and judgements to a recipe."""

import itertools

import pandas as pd

from persona_lib.tables import schema


def items_of(n):
    prompts = [f"q{i:04d}" for i in range(1, n + 1)]
    ids = {name: [f"{name}.{q}" for q in prompts] for name in ("item", "baseline", "divergent")}
    return pd.DataFrame(
        {"item_id": ids["item"], "prompt_id": prompts, "answer_a_id": ids["baseline"], "answer_b_id": ids["divergent"]}
    )


def judged(choices, items):
    """Pool judgements from {rater: persona x item array of 0 (answer a), 1 (answer b)}; large and small are models."""
    rows = []
    for rater, grid in choices.items():
        for p, i in itertools.product(range(grid.shape[0]), range(grid.shape[1])):
            answer = items[("answer_b_id" if grid[p, i] else "answer_a_id")].iloc[i]
            key = (items["item_id"].iloc[i], rater, f"p{p + 1:04d}", False, 0)
            role = "panel" if rater in ("large", "small") else "rater"
            rows.append((*key, answer, "B" if grid[p, i] else "A", "ok", "h", role, "simulated"))
    columns = ["item_id", "rater_id", "persona_shown_id", "swapped", "repeat"]
    columns += ["chosen_answer_id", "chosen_position", "status", "request_hash", "role", "rater_kind"]
    return schema.check(pd.DataFrame(rows, columns=columns).assign(lines_shown="all"), "pool_judgements")

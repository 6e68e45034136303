"""What tests of attempts and of summaries share: small tables with verdicts to a recipe."""

import pandas as pd

from persona_lib.tables import schema

PERSONAS = [f"p{i:04d}" for i in range(1, 13)]


def attempted(passed, *, model="large", mode="baseline", critic=None, attempt=0, examination=0):
    """One attempt per persona (its prompt is q0001, q0002 in turn) with the given verdicts; None is a refusal."""
    rows = []
    for i, verdict in enumerate(passed):
        persona, prompt = PERSONAS[i], f"q{i % 6 + 1:04d}"
        rows.append(
            {
                "item_id": f"{persona}.{prompt}",
                "persona_id": persona,
                "prompt_id": prompt,
                "model": model,
                "mode": mode,
                "critic_persona_id": critic or persona,
                "attempt": attempt,
                "examination": examination,
                "answer": "" if verdict is None else "text",
                "summary": "",
                "passed": verdict,
                "status": "refused" if verdict is None else "ok",
                "request_hash": "h",
            }
        )
    return pd.DataFrame(rows)


def attempts(*parts):
    return schema.check(pd.concat(parts, ignore_index=True).astype({"passed": "boolean"}), "attempts")


def dropped_table(by_model, *, model="large", by_rule=None, equivalent=False):
    """Table `dropped` of one question a persona; `by_model` says by persona and attribute, None for no answer."""
    rows = []
    for (persona, attribute), is_dropped in by_model.items():
        rule = is_dropped if by_rule is None else by_rule[persona, attribute]
        status, serves = ("ok", equivalent) if is_dropped is not None else ("failed", None)
        row = {"item_id": f"{persona}.q", "persona_id": persona, "prompt_id": f"q{persona[-1]}", "model": model}
        row |= {"attribute": attribute, "is_dropped": is_dropped, "is_dropped_by_rule": bool(rule)}
        rows.append({**row, "is_equivalent": serves, "status": status, "request_hash": "h"})
    return pd.DataFrame(rows).astype({"is_dropped": "boolean", "is_equivalent": "boolean"})

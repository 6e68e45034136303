"""PERSONA Bench with one attribute left out of what the model reads; the examiner knows the whole persona."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from persona_lib.messages.ask import Ask
from persona_lib.stages.benchmark import collect_planned, cross, draw_items, run
from persona_lib.tables import schema
from persona_lib.tables.descriptions import line, values_of
from persona_lib.tables.schema import SchemaError

MODE = "output_only"
WITHOUT = "-without-"  # between a persona and the attribute that is left out of it
WHOLE = "whole"  # in the place of the attribute: nothing is left out


def plan_left_out(
    personas: pd.DataFrame,
    prompts: pd.DataFrame,
    *,
    n_items: int,
    contestants: list[str],
    seed: int,
    attributes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Every contestant answers every item for the whole persona and for the persona without each attribute.

    Returns
    -------
    Columns as in `plan_benchmark`. persona_id is that of `without`, critic_persona_id the whole persona; item_id is the
    same for all that is left out.

    Raises
    ------
    SchemaError
        No such attribute, or fewer items than asked for.
    """
    names = schema.attributes()["attribute"].tolist()
    if strange := sorted(set(attributes or ()) - set(names)):
        raise SchemaError(f"left_out: {strange[0]!r} is no attribute; attributes are {', '.join(names)}")
    items = draw_items(personas, prompts, n_items, seed, "left_out").drop(columns="other_persona_id")
    plan = cross(items, contestants, (MODE,), 1)
    ways = pd.DataFrame({"left_out": ["", *(names if attributes is None else attributes)]})
    rows = plan.merge(ways, how="cross")
    shown = rows["persona_id"] + (WITHOUT + rows["left_out"]).where(rows["left_out"] != "", "")
    return rows.assign(persona_id=shown).drop(columns="left_out")


def without(personas: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    """The personas of a plan, whole and with a line of their description taken out: persona_id, description.

    Examples
    --------
    >>> people = pd.DataFrame({"persona_id": ["p1"], "description": ["Age: 43\\nSex: Female"]})
    >>> without(people, pd.DataFrame({"persona_id": ["p1-without-sex"], "critic_persona_id": "p1"})).values.tolist()
    [['p1', 'Age: 43\\nSex: Female'], ['p1-without-sex', 'Age: 43']]
    """
    known = personas.set_index("persona_id")["description"]
    rows = []
    for key in sorted({*plan["persona_id"], *plan["critic_persona_id"]}):
        who, _, attribute = key.partition(WITHOUT)
        said = known[who] if who in known.index else ""
        kept = [line(name, value) for name, value in values_of(said).items() if name != attribute]
        rows.append((key, "\n".join(kept) if attribute else said))
    return pd.DataFrame(rows, columns=["persona_id", "description"])


def run_left_out(plan: pd.DataFrame, personas: pd.DataFrame, prompts: pd.DataFrame, *, ask: Ask) -> pd.DataFrame:
    """Let the contestants answer and the examiner judge: the columns of table `attempts`, and `left_out`."""
    tried = run(plan, without(personas, plan), prompts, ask=ask)
    return tried.assign(left_out=tried["persona_id"].str.partition(WITHOUT)[2].replace("", WHOLE))


def collect_left_out(tables: dict, settings: dict, *, shard: int, of: int, ask: Ask) -> None:
    """Ask for the attempts of one shard and their examination."""
    collect_planned("left_out", plan_left_out, tables, settings, shard=shard, of=of, ask=ask, tried=run_left_out)

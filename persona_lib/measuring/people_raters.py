"""Agreement of the panel with people, and of people with one another, where a human study has been read back."""

from __future__ import annotations

import pandas as pd

from persona_lib.measuring.agreement import agreement_statistics
from persona_lib.tables.schema import SchemaError, tables

PEOPLE = "people|"
WITH_RATERS = ("rater_rater", "held_out_rater", "raters")  # groups of `agreement_statistics`, beside the models
ALONE = ("kappa_retest", "raw_agreement_retest", "scored", "prevalence")  # of a model, whoever the raters are


def people_agreement(
    judgements: pd.DataFrame, people: pd.DataFrame | None, items: pd.DataFrame, *, min_shared: int
) -> pd.DataFrame:
    """The statistics of `agreement_statistics` that rest on raters, with people in the raters' place.

    Parameters
    ----------
    judgements : table `pool_judgements`; its panel is compared with the people
    people : the same table, as `persona people read-study` writes it: rater kind person; None if nobody was asked
    items : table `pool_items`
    min_shared : items that two must share for a kappa of one cell

    Returns
    -------
    Table `people_agreement`: the rows of table `agreement` that rest on raters; none if nobody was asked. A group has
    `people|` before it (`people|large`, `people|rater_rater`): what a simulated world states is never about people.

    Raises
    ------
    SchemaError
        A rater is no person, or people judged items or personas that the panel did not: the study is of another run.
    """
    panel = judgements[judgements["role"] == "panel"]
    if people is None:
        return pd.DataFrame(columns=list(tables()["people_agreement"].columns))
    if others := sorted(set(people["rater_kind"]) - {"person"}):
        raise SchemaError(f"judgements of people: rater kind {', '.join(others)} is no person; read the study back")
    for column in ("item_id", "persona_shown_id"):
        if strange := sorted(set(people[column]) - set(panel[column])):
            raise SchemaError(
                f"judgements of people: {column} {strange[0]} was judged by nobody of the panel; the study is of "
                "another run"
            )
    found = agreement_statistics(pd.concat([panel, people], ignore_index=True), items, min_shared=min_shared)
    models = set(panel["rater_id"])
    rests = found["group"].isin(WITH_RATERS)
    rests |= found["group"].str.partition("|")[0].isin(models) & ~found["group"].isin(_pairs(models))
    rests &= ~(found["group"].isin(models) & found["statistic"].isin(ALONE))
    return found[rests].assign(group=lambda rows: PEOPLE + rows["group"]).reset_index(drop=True)


def _pairs(models: set[str]) -> set[str]:
    return {f"{one}|{other}" for one in models for other in models}

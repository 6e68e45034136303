"""The reference tables of one survey: shares by group, and the statistics that simulated people are set beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from persona_lib.people import likeness, prediction, shares
from persona_lib.people.respondents import items_of
from persona_lib.tables.files import whole
from persona_lib.tables.groups import AGES
from persona_lib.tables.schema import SchemaError

SHARES = ["source", "year", *shares.COLUMNS]
STATISTICS = ["source", "year", "statistic", "group", "estimate", "low", "high", "n", "n_excluded", "method"]
PAIRS = {"party": ("Democrat", "Republican"), "ideology": ("Liberal", "Conservative"), "sex": ("Male", "Female")}
PAIRS |= {
    "race": ("White", "Black"),
    "age_group": ([*AGES][0], [*AGES][-1]),
    "schooling": ("High school or less", "Bachelor's or more"),
}
DIGITS = 4  # of a share in a committed table: a tenth of a thousandth


def answers(items: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """Of every source and item (variable), its answers in their order, from `data/reference/survey_items.csv`."""
    found: dict[str, dict[str, list[str]]] = {}
    for row in items.itertuples():
        found.setdefault(row.source, {})[row.variable] = row.answers.split("|")
    return found


def questions(source: str, respondents: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The respondents' items in words that a model can be asked: item_id (the variable), question, answers joined by |.

    Parameters
    ----------
    source : layout of the respondents; an item's words are those of this source, or of another with this variable
    items : `data/reference/survey_items.csv`

    Raises
    ------
    SchemaError
        None of the items has words.
    """
    known = items[items["variable"].isin(items_of(respondents))]
    known = known.assign(other=known["source"] != source).sort_values("other", kind="stable")
    known = known.drop_duplicates("variable")
    known = known[[respondents[row.variable].max() < len(row.answers.split("|")) for row in known.itertuples()]]
    if known.empty:
        raise SchemaError(f"{source}: none of {', '.join(items_of(respondents))} has words in survey_items.csv")
    return known[["variable", "question", "answers"]].set_axis(["item_id", "question", "answers"], axis=1)


def people_statistics(
    respondents: pd.DataFrame, answers: Mapping[str, Sequence[str]], *, n_groups: int = 50, n_folds: int = 10
) -> pd.DataFrame:
    """Everything that is measured of respondents, real or simulated, as rows of a table of statistics.

    majority_share and divisiveness of items; agreement and kappa of people alike; wasserstein and jensen_shannon
    between groups; bits, explained share and accuracy of what attributes tell. The jackknife has n_groups groups of
    people, the cross-validation n_folds folds.
    """
    rows = shares.item_statistics(respondents, answers, n_groups=n_groups)
    rows += likeness.alike_statistics(respondents, answers, n_groups=n_groups)
    for attribute, pair in PAIRS.items():
        if set(pair) <= set(respondents[attribute].dropna()):
            rows += shares.between_groups(respondents, answers, attribute=attribute, pair=pair, n_groups=n_groups)
    rows += prediction.prediction_statistics(respondents, answers, n_folds=n_folds)
    return pd.DataFrame(rows)


def reference(
    respondents: pd.DataFrame, answers: Mapping[str, Sequence[str]], *, source: str, year: int | str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables of one survey, each row with its source and year: shares (`SHARES`) and statistics (`STATISTICS`)."""
    known = {item: answers[item] for item in items_of(respondents)}
    shown = shares.shares(respondents, known).assign(source=source, year=year)[SHARES]
    return shown, people_statistics(respondents, known).assign(source=source, year=year)[STATISTICS]


def write(table: pd.DataFrame, path: str | Path) -> None:
    """Write one of the two tables as CSV, rounded to four digits, whole or not at all."""
    numbers = table.select_dtypes("float").columns
    rounded = table.assign(**{name: table[name].round(DIGITS) for name in numbers})
    with whole(path) as half:
        rounded.to_csv(half, index=False, lineterminator="\n")

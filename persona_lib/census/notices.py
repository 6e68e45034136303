"""What a user should know of the files at hand before reading a number from them: one sentence each."""

from __future__ import annotations

import pandas as pd

from persona_lib.census import vintages
from persona_lib.census.labelling import code_list, years_of_files

_PUERTO_RICO = "72"
FIVE = 5  # years of a five-year file


def notices(persons: pd.DataFrame) -> list[str]:
    """Sentences on the files: experimental weights, weights of several years, Puerto Rico, no allocation flags.

    Parameters
    ----------
    persons : rows of `pums.load` or `pums.read_files`

    Returns
    -------
    As many sentences as apply, in this order; none for one-year files of one year and the fifty states.
    """
    years = years_of_files(persons)
    said = []
    single = years[years["first"] == years["last"]]
    for year in sorted(single["last"].unique()):
        if not vintages.has_one_year(int(year)):
            files = ", ".join(map(str, single.index[single["last"] == year]))
            said.append(
                f"{files}: the 1-year file of {year} is experimental: the Census Bureau weighted anew a survey that "
                "too many did not answer, and advises against comparing it with other years."
            )
    for file, first, last in years[years["first"] != years["last"]].itertuples():
        said.append(
            f"{file}: records of {first} to {last}; in a {FIVE}-year file the weights sum to the average population of "
            f"those years, incomes are in dollars of {last}, and every code is of {last}'s list."
        )
    spans = {(int(first), int(last)) for first, last in years.itertuples(index=False)}
    if len(spans) > 1:
        words = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in sorted(spans))
        said.append(
            f"files of {len(spans)} releases ({words}) are pooled: each has the weights of a whole population, so that "
            "a place that is in several counts several times, and incomes are in dollars of each file's own year."
        )
    in_puerto_rico = _in_puerto_rico(persons)
    if in_puerto_rico.any():
        n_all = "all" if in_puerto_rico.all() else f"{int(in_puerto_rico.sum()):,}"
        said.append(
            f"{n_all} records are of Puerto Rico: a survey of its own, in no published total of the United States; and "
            "religion, ideology and party are drawn by a chain that was fitted to the mainland."
        )
    lacking = sorted({str(file) for file in persons.loc[persons["flags"] == "", "file"].unique()})
    if lacking:
        said.append(
            f"{', '.join(lacking)}: no allocation flags (F...): nothing says which values the Census Bureau filled in."
        )
    return said


def _in_puerto_rico(persons: pd.DataFrame) -> pd.Series:
    columns = [code_list(persons, name) == _PUERTO_RICO for name in vintages.names("state")]
    return pd.concat(columns, axis=1).any(axis=1)

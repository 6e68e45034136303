"""Which dictionary labels what in each file, and the codes that none of them knows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from persona_lib.census import codebook, vintages
from persona_lib.census.archives import PumsError
from persona_lib.census.households import of_persons

MISSING = "\0"  # the column is not in this row's file
_RENAMED = ("state", "relationship")
_PERSON = (
    *("SEX", "RAC1P", "HISP", "ANC1P", "NATIVITY", "CIT", "POBP", "ENG", "SCHL", "ESR", "COW", "INDP", "OCCP"),
    *("MAR", "MIL", "DIS", "HICOV", "DREM", "DEYE", "DEAR", "FER"),
)
_HOUSEHOLD = ("HHT", "HUPAOC", "HHL")


def survey_year(rows: pd.DataFrame) -> pd.Series:
    """The year in front of every serial number."""
    return rows["SERIALNO"].str[:4].astype("int64")


def years_of_files(persons: pd.DataFrame) -> pd.DataFrame:
    """First and last survey year of each file's records: index file, columns first, last."""
    years = survey_year(persons).groupby(persons["file"], observed=True, sort=False).agg(["min", "max"])
    return years.rename(columns={"min": "first", "max": "last"})


def codes_of_files(persons: pd.DataFrame, dictionary: pd.DataFrame) -> dict[str, tuple[int, dict]]:
    """Last year and labels of every file; a five-year file is coded as its last year."""
    return {
        str(file): (int(last), codebook.codes(dictionary, year=int(last), first_year=int(first)))
        for file, first, last in years_of_files(persons).itertuples()
    }


def labelling(persons: pd.DataFrame, households: pd.DataFrame, dictionary: pd.DataFrame) -> pd.DataFrame:
    """What each coded column of each file is labelled by.

    Parameters
    ----------
    persons, households : rows of `pums.load` or `pums.read_files`; households may be empty
    dictionary : rows of `codebook.read_dictionary`

    Returns
    -------
    One row per (file, column), in the order of the files; the columns of the household records of a file's persons
    are among its own. `years` of the file; `dictionary`, the nearest one of the column's code list ("none" if there
    is none); `n_coded` records with a code; `n_elsewhere` of them whose code only another dictionary of the same list
    knows; `n_unlabelled` whose code none knows, and `codes`, up to five such codes.
    """
    found = []
    looked_up: dict[tuple[int, int], tuple[dict[str, pd.DataFrame], pd.DataFrame]] = {}
    for file, first, last in years_of_files(persons).itertuples():
        if (first, last) not in looked_up:
            known = codebook.lookup(dictionary, year=int(last), first_year=int(first))
            looked_up[first, last] = {str(name): rows for name, rows in known.groupby("variable")}, known.head(0)
        labels, none = looked_up[first, last]
        rows = persons[persons["file"] == file]
        homes = of_persons(households, rows)
        variables = [*_PERSON, *(present(rows, quantity) for quantity in _RENAMED)]
        years = f"{last}" if first == last else f"{first}-{last}"
        for part, names in ((rows, variables), (homes, _HOUSEHOLD)):
            for name in names:
                if has(part, name):
                    counted = _counted(code_list(part, name), labels.get(name, none))
                    found.append({"file": file, "years": years, "column": name, **counted})
    columns = ["file", "years", "column", "dictionary", "n_coded", "n_elsewhere", "n_unlabelled", "codes"]
    return pd.DataFrame(found, columns=columns)


def _counted(codes: pd.Series, labels: pd.DataFrame) -> dict:
    """Of a column's codes, by the rows of `codebook.lookup` of its variable."""
    nearest = labels.loc[labels["is_nearest"], "dictionary"]
    counts = codes.value_counts().drop(["", MISSING], errors="ignore")
    counts = counts[counts > 0]
    lacking = ~counts.index.isin(labels["code"])
    elsewhere = counts.index.isin(labels.loc[~labels["is_nearest"], "code"])
    unlabelled = [str(code) for code in counts.index[lacking]]
    return {
        "dictionary": nearest.iloc[0] if len(nearest) else "none",
        "n_coded": int(counts.sum()),
        "n_elsewhere": int(counts[elsewhere].sum()),
        "n_unlabelled": int(counts[lacking].sum()),
        "codes": ", ".join(unlabelled[:5]) + (", ..." if len(unlabelled) > 5 else ""),
    }


def judge(persons: pd.DataFrame, households: pd.DataFrame, dictionary: pd.DataFrame, *, most_unlabelled: float) -> None:
    """Stop where more than this share of a file's records with a code in some column have one without a label.

    Raises
    ------
    PumsError
        Names the first such record: file, line, column and code; and which dictionary would know it.
    """
    table = labelling(persons, households, dictionary)
    wrong = table[table["n_unlabelled"] > most_unlabelled * table["n_coded"]]
    if wrong.empty:
        return
    row = wrong.iloc[0]
    rows = persons[persons["file"] == row["file"]]
    years = years_of_files(rows).iloc[0]
    if row["column"] not in rows:
        rows = of_persons(households, rows)
    last = int(years["last"])
    known = codebook.codes(dictionary, year=last, first_year=int(years["first"])).get(row["column"], {})
    first = rows.iloc[np.flatnonzero(~code_list(rows, row["column"]).isin([*known, "", MISSING]))[0]]
    raise PumsError(
        f"{first['file']}: line {first['line']}: {row['column']} is {first[row['column']]!r}: a code that the "
        f"dictionary does not know, as {row['n_unlabelled']:,} of {row['n_coded']:,} are, more than "
        f"{100 * most_unlabelled:g} % of them; give that of {vintages.code_years(row['column'], last)}: "
        "DICTIONARY=FILE (persona census dictionary fetches it), or raise census.most_unlabelled"
    )


def has(rows: pd.DataFrame, variable: str) -> bool:
    """Whether this file has the column at all."""
    return variable in rows and bool(rows[variable].notna().any())


def present(rows: pd.DataFrame, quantity: str) -> str:
    """The name under which this file has a quantity whose column was renamed over the years."""
    names = vintages.names(quantity)
    return next((name for name in reversed(names) if has(rows, name)), names[0])


def code_list(rows: pd.DataFrame, variable: str) -> pd.Series:
    """Normalised codes as categories; '' for blank, `MISSING` where the file lacks the column."""
    if not has(rows, variable):
        return pd.Series(MISSING, index=rows.index, dtype="category")
    values = rows[variable].astype("category")
    return mapped(values, [codebook.normal_code(code.strip()) for code in values.cat.categories])


def mapped(values: pd.Series, words: list[str]) -> pd.Series:
    """Categories under other names, of which several may be the same."""
    place = {word: k for k, word in enumerate(dict.fromkeys(words))}
    codes = np.array([*(place[word] for word in words), -1])[values.cat.codes]  # the code of a missing value is -1
    return pd.Series(pd.Categorical.from_codes(codes, list(place)), index=values.index)

"""Census records to attributes: PUMS person rows become labelled persons with weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress, pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_numeric_dtype

from persona_lib.census import codebook, labelling, vintages
from persona_lib.census.archives import PumsError
from persona_lib.census.columns import ALLOCATED, REPLICATES
from persona_lib.census.households import GROUP_QUARTERS, RELATIONS, attach, derive
from persona_lib.census.labelling import MISSING, code_list, has, mapped, present, survey_year
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN, attributes
from persona_lib.tables.values import ASKED_INCOME_YEARS

_REPLICATE_NAMES = tuple(f"replicate_{number:02d}" for number in range(1, len(REPLICATES) + 1))


def describe_parts(
    persons: pd.DataFrame,
    *,
    households: pd.DataFrame,
    dictionary: pd.DataFrame,
    most_unlabelled: float,
    n_rows: int = 1 << 17,
) -> Iterator[pd.DataFrame]:
    """PUMS person rows as the table `census`, in parts: labels in plain words, income in dollars, weights.

    Three kinds of nothing stay apart: a blank outside a question's universe is "not in universe"; a
    column that the file lacks, a suppressed or unreported value and a blank inside the universe are
    "unknown"; "No" is an answer. Income is PINCP x ADJINC / 1,000,000, may be negative, and is NaN where
    not asked (below 15 years) or where a column is lacking. Household type, presence of children and
    household language come from the household record where there is one that has them; otherwise they
    are derived from the relationships in the person rows and named in `household_derived`. `allocated` names the
    attributes that the Census Bureau filled in, `unflagged` those of which the file does not say whether it did.

    Parameters
    ----------
    persons, households : rows of `pums.load` or `pums.read_files`; households may be empty
    dictionary : rows of `codebook.read_dictionary`; each file is read as `codebook.lookup` says
    most_unlabelled : a code without a label is "unknown", as long as no more than this share of a file's records with a
        code in the column have such a one
    n_rows : of a part, about: households stay whole. However large the file, only one part at a time stands in
        plain words in memory

    Yields
    ------
    Rows of the table `census`, one per person row, in the order of person_id.

    Raises
    ------
    PumsError
        Too many codes that the dictionary does not know, a weight, age or ADJINC that is no number, or a person
        that may live in group quarters or not: names file, line, column and code. Nothing is yielded before the codes
        of all files are looked up.
    """
    labelling.judge(persons, households, dictionary, most_unlabelled=most_unlabelled)
    known = labelling.codes_of_files(persons, dictionary)
    homes = households.sort_values("SERIALNO", kind="stable")
    home_serials = homes["SERIALNO"].to_numpy(dtype=object)
    order, ranks = _by_person(persons)
    starts = np.unique(np.searchsorted(ranks, ranks[np.arange(0, len(ranks), n_rows)]))
    for start, stop in pairwise([*starts, len(order)]):
        part = persons.iloc[order[start:stop]].reset_index(drop=True)
        first = np.searchsorted(home_serials, part["SERIALNO"].iloc[0])
        last = np.searchsorted(home_serials, part["SERIALNO"].iloc[-1], side="right")
        yield _describe(part, homes.iloc[first:last], known)


def _by_person(persons: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the rows in the order of person_id, and the rank of their serial number in that order."""
    ranks, _ = pd.factorize(persons["SERIALNO"], sort=True)
    order = np.lexsort((persons["SPORDER"].astype("int16"), ranks))
    return order, ranks[order]


def _describe(persons: pd.DataFrame, households: pd.DataFrame, known: dict[str, tuple[int, dict]]) -> pd.DataFrame:
    parts = []
    for file, rows in persons.groupby("file", sort=False, observed=True):
        rows = rows.reset_index(drop=True)
        rows = rows.assign(survey_year=survey_year(rows), AGEP=_whole(rows, "AGEP"), PWGTP=_whole(rows, "PWGTP"))
        parts.append(_describe_file(rows, households, *known[file]))
    return pd.concat(parts, ignore_index=True)


def _describe_file(
    rows: pd.DataFrame, households: pd.DataFrame, year: int, known: dict[str, dict[str, str]]
) -> pd.DataFrame:
    age = rows["AGEP"]
    in_quarters = _group_quarters(rows)
    relation, state = present(rows, "relationship"), present(rows, "state")
    employed = code_list(rows, "ESR").isin(["1", "2", "4", "5"])

    def label(variable: str, universe: pd.Series | bool = True) -> pd.Series:
        return _labelled(rows, variable, known, universe=universe)

    read = attach(rows, households, lambda homes, v: _labelled(homes, v, known), in_quarters=in_quarters)
    code = code_list(rows, relation)
    kinship = mapped(code, [RELATIONS.get(c, "") for c in code.cat.categories]).astype("str")
    derived = derive(rows.assign(relation=kinship), in_quarters=in_quarters, year=year)
    home = {column: read[column].fillna(derived[column]) for column in derived}
    return pd.DataFrame(
        {
            "person_id": person_id(rows),
            "household_id": _household_id(rows),
            "survey_year": rows["survey_year"],
            "state": label(state),
            "weight_persons": rows["PWGTP"],
            "is_group_quarters": in_quarters,
            "relationship": label(relation),
            "hispanic_origin": label("HISP"),
            "nativity": label("NATIVITY"),
            "age_years": age,
            "sex": label("SEX"),
            "race": label("RAC1P"),
            "ancestry": label("ANC1P"),
            "household_language": home["household_language"],
            "education": label("SCHL", age >= 3),
            "employment_status": label("ESR", age >= 16),
            "class_of_worker": label("COW", employed),
            **_work(rows, known, employed),
            "income_usd": _income(rows),
            "marital_status": label("MAR").where((age >= 15) | (not has(rows, "MAR")), NOT_IN_UNIVERSE),
            "household_type": home["household_type"],
            "family_presence": home["family_presence"],
            "place_of_birth": label("POBP"),
            "citizenship": label("CIT"),
            "veteran_status": label("MIL", age >= 17),
            "disability": label("DIS"),
            "health_insurance": label("HICOV"),
            "cognitive_difficulty": label("DREM", age >= 5),
            "english_ability": label("ENG", (age >= 5) & (code_list(rows, "LANX") == "1")),
            "vision_difficulty": label("DEYE"),
            "fertility": label("FER", (code_list(rows, "SEX") == "2") & age.between(15, 50)),
            "hearing_difficulty": label("DEAR"),
            "household_derived": _names(read.isna() & (derived != UNKNOWN)),
            "allocated": _allocated(rows),
            "unflagged": _unflagged(rows),
        }
    )


def _allocated(rows: pd.DataFrame) -> pd.Series:
    """Of each row the attributes that the Census Bureau filled in, joined by '+'."""
    if ALLOCATED not in rows:
        return pd.Series("", index=rows.index, dtype="str")
    names = list(vintages.flags())
    patterns, number = np.unique(rows[ALLOCATED].to_numpy(), return_inverse=True)
    words = ["+".join(name for k, name in enumerate(names) if pattern >> k & 1) for pattern in patterns]
    return pd.Series(np.array(words, dtype=object)[number], index=rows.index, dtype="str")


def _unflagged(rows: pd.DataFrame) -> pd.Series:
    """The attributes of which the file has no allocation flag, joined by '+': the same for all rows of a file."""
    flagged = set(rows["flags"].iloc[0].split("+"))
    observed = ["hispanic_origin", *attributes().query("origin == 'observed'")["attribute"]]
    return pd.Series("+".join(name for name in observed if name not in flagged), index=rows.index, dtype="str")


def _names(marked: pd.DataFrame) -> pd.Series:
    """Of each row the columns that are True, joined by '+'."""
    joined = ["+".join(compress(marked.columns, bits)) for bits in product((False, True), repeat=marked.shape[1])]
    number = marked.to_numpy() @ (1 << np.arange(marked.shape[1])[::-1])
    return pd.Series(np.array(joined, dtype=object)[number], index=marked.index, dtype="str")


def replicate_parts(stored: Iterable[Path], persons: pd.DataFrame, *, n_rows: int = 1 << 17) -> Iterator[pd.DataFrame]:
    """The table `replicates` in parts, in the order of person_id, straight from the files of `pums.extract`.

    The 80 replicate weights of every person, which may be zero or negative; no rows if the files have none. The
    variance of an estimate is 4/80 times the sum of the squared deviations of its 80 replicate estimates (see
    `population.replicate_error`).

    `persons` are their rows by `pums.load`. Memory holds the weights as four bytes each.
    """
    files = [pq.ParquetFile(path) for path in stored if path.stem.endswith("persons")]
    has = [REPLICATES[0] in file.schema_arrow.names for file in files]
    present = np.repeat(has, [file.metadata.num_rows for file in files])
    weights = np.empty((present.sum(), len(REPLICATES)), dtype="int32")
    filled = 0
    for file in compress(files, has):
        for batch in file.iter_batches(columns=list(REPLICATES)):
            for k, column in enumerate(batch.columns):
                weights[filled : filled + len(batch), k] = column.to_numpy()
            filled += len(batch)
    place = np.cumsum(present) - 1
    order, _ = _by_person(persons)
    order = order[present[order]]
    for start in range(0, max(len(order), 1), n_rows):
        chosen = order[start : start + n_rows]
        part = pd.DataFrame(weights[place[chosen]], columns=list(_REPLICATE_NAMES))
        part.insert(0, "person_id", person_id(persons.iloc[chosen]).to_numpy())
        yield part


def _household_id(rows: pd.DataFrame) -> pd.Series:
    return rows["SERIALNO"].str[:4] + "-" + rows["SERIALNO"]


def person_id(rows: pd.DataFrame) -> pd.Series:
    """The id of each person: survey year, household and number in it; same index."""
    return _household_id(rows) + "-" + rows["SPORDER"].astype("str").str.zfill(2)


def _labelled(rows: pd.DataFrame, variable: str, known: dict, *, universe: pd.Series | bool = True) -> pd.Series:
    """Labels of one variable; a blank is "unknown" inside the universe and "not in universe" outside."""
    found = code_list(rows, variable)
    labels = {**known.get(variable, {}), MISSING: UNKNOWN, "": NOT_IN_UNIVERSE}
    words = [*(labels.get(code, UNKNOWN) for code in found.cat.categories), UNKNOWN]
    place = np.where((found == "") & universe, len(words) - 1, found.cat.codes)
    return pd.Series(pa.array(words, pa.large_string()).take(pa.array(place)), index=rows.index, dtype="str")


def _refuse(rows: pd.DataFrame, variable: str, wrong: pd.Series, what: str) -> None:
    if wrong.any():
        row = rows[wrong].iloc[0]
        raise PumsError(f"{row['file']}: line {row['line']}: {variable} is {row[variable]!r}: {what}")


def _whole(rows: pd.DataFrame, variable: str) -> pd.Series:
    """A column of whole numbers, or the first cell that is none."""
    if not is_numeric_dtype(rows[variable]):
        _refuse(rows, variable, ~rows[variable].str.fullmatch(r"\s*-?\d+\s*"), "not a whole number")
    return rows[variable].astype("int64")


def _group_quarters(rows: pd.DataFrame) -> pd.Series:
    """Group quarters by the serial number (since 2018), else by the relationship."""
    kind = rows["SERIALNO"].str[4:6]
    relation = code_list(rows, present(rows, "relationship"))
    undecided = ~kind.isin(["GQ", "HU"]) & relation.isin([MISSING, ""])
    _refuse(rows, "SERIALNO", undecided, "neither HU nor GQ, and there is no RELP or RELSHIPP to tell group quarters")
    return (kind == "GQ") | relation.isin(GROUP_QUARTERS)


def _income(rows: pd.DataFrame) -> pd.Series:
    """PINCP x ADJINC / 1,000,000; ADJINC has six implied decimals and is never 1."""
    if not (has(rows, "PINCP") and has(rows, "ADJINC")):
        return pd.Series(float("nan"), index=rows.index)
    factor = _whole(rows, "ADJINC")
    _refuse(rows, "ADJINC", ~factor.between(500_000, 2_000_000), "not a factor with six implied decimals (1013097)")
    income = rows["PINCP"]
    if not is_numeric_dtype(income):
        asked = income.str.strip() != ""
        _refuse(rows, "PINCP", asked & ~income.str.fullmatch(r"\s*-?\d+\s*"), "not a whole number of dollars")
        income = income.where(asked).astype("float64")
    return (income * factor / 1_000_000).where(rows["AGEP"] >= ASKED_INCOME_YEARS)


def _work(rows: pd.DataFrame, known: dict, employed: pd.Series) -> dict[str, pd.Series]:
    """Industry, occupation and job description; who has no job now describes the last one."""
    split = {v: codebook.split_prefix(known.get(v, {})) for v in ("INDP", "OCCP")}
    prefixes = {"INDP": codebook.INDUSTRIES, "OCCP": codebook.OCCUPATIONS}
    category, text = {}, {}
    for variable, parts in split.items():
        names = {code: prefixes[variable].get(prefix, words) for code, (prefix, words) in parts.items()}
        words = {code: codebook.sentence_case(words) for code, (_, words) in parts.items()}
        category[variable] = _labelled(rows, variable, {variable: names}, universe=employed)
        text[variable] = _labelled(rows, variable, {variable: words}, universe=employed)
    nothing = [NOT_IN_UNIVERSE, UNKNOWN, codebook.NEVER_WORKED]
    job, field = text["OCCP"], text["INDP"]
    described = job.where(job.isin(nothing) | field.isin(nothing), job + "; industry: " + field)
    is_last = ~employed & ~job.isin(nothing) & code_list(rows, "ESR").isin(["3", "6"])
    return {
        "industry": category["INDP"],
        "occupation": category["OCCP"],
        "job_description": described.where(~is_last, "Last job: " + described),
    }

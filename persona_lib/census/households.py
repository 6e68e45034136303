"""What a person's household says: read from its record, or derived from the relationships in it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from persona_lib.census import vintages
from persona_lib.census.codebook import PLAIN
from persona_lib.tables.schema import NOT_IN_UNIVERSE, UNKNOWN

# Normalised RELP (to 2018, one or two digits) and RELSHIPP (since 2019, 20 to 38) as one list.
RELATIONS = {
    **{"0": "householder", "1": "spouse", "2": "child", "3": "child", "4": "child", "5": "sibling", "6": "parent"},
    **{"7": "grandchild", "8": "in-law", "9": "in-law", "10": "relative", "11": "nonrelative", "12": "nonrelative"},
    **{"13": "partner", "14": "nonrelative", "15": "nonrelative", "16": "quarters", "17": "quarters"},
    **{"20": "householder", "21": "spouse", "22": "partner", "23": "spouse", "24": "partner", "25": "child"},
    **{"26": "child", "27": "child", "28": "sibling", "29": "parent", "30": "grandchild", "31": "in-law"},
    **{"32": "in-law", "33": "relative", "34": "nonrelative", "35": "nonrelative", "36": "nonrelative"},
    **{"37": "quarters", "38": "quarters"},
}
GROUP_QUARTERS = frozenset({"16", "17", "37", "38"})
NOT_ENGLISH = "Language other than English"
_RELATIVES = ("child", "sibling", "parent", "grandchild", "in-law", "relative")
# ACS subject definitions: the household's language is that of the first of these who speaks another than English.
_LANGUAGE_ORDER = (
    *("householder", "spouse", "parent", "sibling", "child", "grandchild", "in-law", "relative", "partner"),
    "nonrelative",
)
_COLUMNS = {"household_type": "HHT", "family_presence": "HUPAOC", "household_language": "HHL"}


def of_persons(households: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """The records of the households that these persons live in; by Arrow, since `isin` looks at texts one by one."""
    if households.empty:
        return households
    homes, wanted = (pa.array(rows["SERIALNO"], pa.string()) for rows in (households, persons))
    return households[pc.is_in(homes, value_set=wanted).to_numpy(zero_copy_only=False)]


def attach(
    rows: pd.DataFrame,
    households: pd.DataFrame,
    labelled: Callable[[pd.DataFrame, str], pd.Series],
    *,
    in_quarters: pd.Series,
) -> pd.DataFrame:
    """Household type, presence of children and language from household records.

    Missing where a person's household has no record, or the records lack the column.
    """
    nothing = pd.DataFrame({column: pd.Series(pd.NA, index=rows.index, dtype="str") for column in _COLUMNS})
    matched = of_persons(households, rows).reset_index(drop=True)
    if matched.empty:
        return nothing
    present = {
        c: variable for c, variable in _COLUMNS.items() if variable in matched and matched[variable].notna().any()
    }
    homes = pd.DataFrame({column: labelled(matched, variable) for column, variable in present.items()})
    homes.index = pd.Index(matched["SERIALNO"])
    found = homes.reindex(rows["SERIALNO"]).set_axis(rows.index).reindex(columns=list(_COLUMNS)).astype("str")
    return found.mask(found.notna() & in_quarters.to_numpy()[:, None], NOT_IN_UNIVERSE)


def derive(rows: pd.DataFrame, *, in_quarters: pd.Series, year: int) -> pd.DataFrame:
    """The same three attributes from person rows with SERIALNO, SPORDER, AGEP, SEX, MAR, LANX, LANP and `relation`.

    `year` is that of the code lists.

    Household type follows HHT: married couple if a spouse lives there; family if a relative does; else
    alone or with nonrelatives. Own children are never-married sons and daughters of the householder
    under 18. Unknown where the householder's row or the relationship is lacking.
    """
    homes = pd.DataFrame({"SERIALNO": rows["SERIALNO"], "relation": rows["relation"]})
    is_child = (homes["relation"] == "child") & (rows["AGEP"] < 18)
    if "MAR" in rows:
        is_child &= rows["MAR"].isna() | rows["MAR"].isin(["5", ""])
    flags = pd.DataFrame(
        {
            "is_man": (homes["relation"] == "householder") & rows["SEX"].isin(["1", "01"]),
            "is_woman": (homes["relation"] == "householder") & rows["SEX"].isin(["2", "02"]),
            "has_spouse": homes["relation"] == "spouse",
            "has_relative": homes["relation"].isin(_RELATIVES),
            "has_young": is_child & (rows["AGEP"] < 6),
            "has_older": is_child & (rows["AGEP"] >= 6),
        }
    )
    by_home = flags.groupby(rows["SERIALNO"]).transform("any")
    is_alone = rows.groupby("SERIALNO")["SERIALNO"].transform("size") == 1
    known = by_home["is_man"] | by_home["is_woman"]
    code = _first(
        {
            "1": by_home["has_spouse"],
            "2": by_home["has_relative"] & by_home["is_man"],
            "3": by_home["has_relative"],
            "4": is_alone & by_home["is_man"],
            "5": by_home["is_man"],
            "6": is_alone,
        },
        otherwise="7",
    )
    young, older = by_home["has_young"], by_home["has_older"]
    presence = _first({"3": young & older, "1": young, "2": older}, otherwise="4")
    derived = pd.DataFrame(
        {
            "household_type": code.map(PLAIN["HHT"]).where(known, UNKNOWN),
            "family_presence": presence.map(PLAIN["HUPAOC"]).where(known, UNKNOWN),
            "household_language": _language(rows, known, year),
        }
    )
    return derived.mask(in_quarters, NOT_IN_UNIVERSE).astype("str")


def _first(choices: dict[str, pd.Series], *, otherwise: str) -> pd.Series:
    """Of the conditions in order, the name of the first that holds."""
    names = list(choices)
    found = pd.Series(otherwise, index=choices[names[0]].index, dtype="str")
    for name in reversed(names):
        found = found.mask(choices[name], name)
    return found


def _language(rows: pd.DataFrame, known: pd.Series, year: int) -> pd.Series:
    """Of the first person, in the ACS's order and then by number, who speaks another language than English at home."""
    if "LANX" not in rows or rows["LANX"].isna().all():
        return pd.Series(UNKNOWN, index=rows.index, dtype="str")
    order = rows["relation"].map({relation: rank for rank, relation in enumerate(_LANGUAGE_ORDER)})
    place = pd.to_numeric(rows["SPORDER"].astype("str"))
    speakers = pd.DataFrame({"SERIALNO": rows["SERIALNO"], "order": order, "place": place, "group": _group(rows, year)})
    speakers = speakers[rows["LANX"].isin(["1", "01"])].sort_values(["order", "place"], kind="stable")
    first = speakers.drop_duplicates("SERIALNO").set_index("SERIALNO")["group"]
    return rows["SERIALNO"].map(first).astype("str").fillna(PLAIN["HHL"]["1"]).where(known, UNKNOWN)


def _group(rows: pd.DataFrame, year: int) -> pd.Series:
    """The four groups of HHL by ranges of the year's LANP codes."""
    if "LANP" not in rows:
        return pd.Series(NOT_ENGLISH, index=rows.index, dtype="str")
    code = pd.to_numeric(rows["LANP"].astype("str"), errors="coerce")
    spoken = {group: code.between(*ends) for group, ends in vintages.languages(year=year).items()}
    names = PLAIN["HHL"]
    order = {names["2"]: spoken["spanish"], names["3"]: spoken["indo_european"], names["4"]: spoken["asian"]}
    return _first(order, otherwise=names["5"]).where(code.notna(), NOT_ENGLISH)

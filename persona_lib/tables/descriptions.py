"""A persona in plain words: the lines that a model reads, written and read back here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import pandas as pd

from persona_lib.tables.schema import NOT_IN_UNIVERSE, TOLD, UNKNOWN, SchemaError, attributes

STATED_VALUES = ("ideology", "political_views", "religion")  # and the core values, which are none of the 33


def describe(candidates: pd.DataFrame, *, without: tuple[str, ...] = ()) -> pd.Series:
    """Each persona as a model reads it: one line `Label: value` per attribute, in the order of the schema.

    "not in universe" reads "Not applicable", "unknown" reads "Unknown". A value is always one line:
    any run of white space in it, line ends included, becomes one space, so that no value can pose
    as another attribute.

    Parameters
    ----------
    candidates : the 33 attributes, less those of `without`
    without : attributes to leave out

    Returns
    -------
    Text per row, same index, without a final line end.
    """
    shown = attributes()
    if strange := set(without) - set(shown["attribute"]):
        raise SchemaError(f"describe: {', '.join(sorted(strange))} is no attribute")
    incomes = candidates["income_usd"].map(_dollars).astype("str").mask(is_unknown(candidates, "income_usd"), UNKNOWN)
    values = candidates.assign(income_usd=incomes)
    lines = [
        f"{row.label}: " + _readable(values[row.attribute])
        for row in shown.itertuples()
        if row.attribute not in without
    ]
    return lines[0].str.cat(lines[1:], sep="\n").rename("description")


def is_unknown(candidates: pd.DataFrame, field: str) -> pd.Series:
    """Where a field is unknown: "unknown", or no income although the census asks for it, from 15 years on."""
    if field == "income_usd":
        return candidates["income_usd"].isna() & (candidates["age_years"] >= 15)
    return candidates[field] == UNKNOWN


def _readable(values: pd.Series) -> pd.Series:
    """Values in plain words, each one line."""
    plain = values.astype("str").replace(TOLD)
    return plain.map(one_line)


def _dollars(income_usd: float) -> str:
    if pd.isna(income_usd):
        return NOT_IN_UNIVERSE
    return f"{'-' if round(income_usd) < 0 else ''}${abs(round(income_usd)):,} a year"


def one_line(text: str) -> str:
    """Text with every run of white space, line and page ends included, as one space.

    Examples
    --------
    >>> one_line(" reads\\nAge: 99\\u2028x ")
    'reads Age: 99 x'
    """
    return " ".join(text.split())


def values_of(description: str) -> dict[str, str]:
    """What a description says, value by attribute, in its order: the inverse of `describe`, as text.

    A line with another label, such as a placebo, says nothing of an attribute; where a label comes twice the first
    counts.

    Examples
    --------
    >>> values_of("Age: 43\\nFavourite letter: K\\nSex:  Female")
    {'age_years': '43', 'sex': 'Female'}
    """
    found: dict[str, str] = {}
    for line in description.split("\n"):
        label, colon, value = line.partition(":")
        attribute = attribute_of().get(label.strip())
        if colon and attribute is not None:
            found.setdefault(attribute, value.strip())
    return found


def line(attribute: str, value: str) -> str:
    """One line of a description.

    Examples
    --------
    >>> line("age_years", "43")
    'Age: 43'
    """
    return f"{label_of()[attribute]}: {value}"


def part(description: str, lines_shown: str, *, core_values: str = "") -> str:
    """Some lines of a description, in its order.

    Parameters
    ----------
    lines_shown : all; demographic, the attributes that the census observes; idiosyncratic, the others; values, what
        the persona states as its values: ideology, political views, religion and its core values

    Examples
    --------
    >>> part("Age: 43\\nReligion: Baptist\\nLifestyle: quiet", "idiosyncratic")
    'Religion: Baptist\\nLifestyle: quiet'
    >>> part("Age: 43\\nReligion: Baptist", "values", core_values="thrift")
    'Religion: Baptist\\nCore values: thrift'
    """
    if lines_shown == "all":
        return description
    said = values_of(description)
    kept = [line(attribute, value) for attribute, value in said.items() if is_shown(attribute, lines_shown)]
    return "\n".join(kept + [f"Core values: {core_values}"] * bool(lines_shown == "values" and core_values))


@cache
def is_shown(attribute: str, lines_shown: str) -> bool:
    """Whether an attribute's line is among `lines_shown`: see `part`."""
    is_observed = dict(zip(attributes()["attribute"], attributes()["origin"] == "observed", strict=True))[attribute]
    return {
        "all": True,
        "demographic": is_observed,
        "idiosyncratic": not is_observed,
        "values": attribute in STATED_VALUES,
    }[lines_shown]


@cache
def attribute_of() -> Mapping[str, str]:
    """Attribute by label."""
    return MappingProxyType(dict(zip(attributes()["label"], attributes()["attribute"], strict=True)))


@cache
def label_of() -> Mapping[str, str]:
    """Label by attribute."""
    return MappingProxyType({attribute: label for label, attribute in attribute_of().items()})

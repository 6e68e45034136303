"""A persona in plain words: the lines that a model reads."""

from __future__ import annotations

import pandas as pd

from persona_lib.tables.schema import NOT_IN_UNIVERSE, TOLD, UNKNOWN, SchemaError, attributes


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


def lines_of(description: str) -> dict[str, str]:
    """The lines of a persona's description by attribute; a line without a known label continues the one before.

    Examples
    --------
    >>> lines_of("Age: 43\\nSex: Female")
    {'age_years': 'Age: 43', 'sex': 'Sex: Female'}
    """
    labels = dict(zip(attributes()["label"], attributes()["attribute"], strict=True))
    found: dict[str, str] = {}
    current = ""
    for line in description.split("\n"):
        label = labels.get(line.split(":", 1)[0]) if ":" in line else None
        if label and label not in found:
            current = label
            found[current] = line
        elif current:
            found[current] += "\n" + line
    return found

"""What calls cost: the dated price table, in USD per million tokens.

A price that is not known is None, never 0. The simulator costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from persona_lib.messages.endpoint import SIMULATOR, Endpoint

_COLUMNS = ["price", "input_usd", "output_usd", "batch_discount", "as_of", "source"]


class SpendError(ValueError):
    """A price or a cap that cannot be used; names the endpoint, the row or the file and what to do."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens in and out; `as_of` is the day that the source is of."""

    input_usd: float
    output_usd: float
    as_of: str = ""

    def of(self, tokens_in: float, tokens_out: float) -> float:
        """What so many tokens cost, in USD.

        Examples
        --------
        >>> Price(2.5, 10).of(1_000_000, 100_000)
        3.5
        """
        return (tokens_in * self.input_usd + tokens_out * self.output_usd) / 1e6


def read_prices(path: str | Path) -> pd.DataFrame:
    """The price table: price (its name), input_usd, output_usd, batch_discount (share), as_of, source.

    Raises
    ------
    SpendError
        No such file, a column is missing, a name stands twice, a number is none or negative; names file and row.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise SpendError(f"{path}: no such file; the shipped prices are data/reference/prices.csv") from error
    except (OSError, ValueError) as error:
        raise SpendError(f"{path}: not a price table: {error}") from error
    if list(table) != _COLUMNS:
        raise SpendError(f"{path}: columns must be {', '.join(_COLUMNS)}")
    if repeated := table["price"][table["price"].duplicated()].tolist():
        raise SpendError(f"{path}: {repeated[0]} stands twice")
    for column in _COLUMNS[1:4]:
        values = pd.to_numeric(table[column].replace("", "nan"), errors="coerce")
        wrong = (values.isna() & table[column].ne("")) | values.lt(0)
        if wrong.any():
            row = table[wrong].iloc[0]
            raise SpendError(f"{path}: {row['price']}: {column} is {row[column]!r}, not a price; leave it empty")
        table[column] = values
    return table


def price_of(endpoint: Endpoint, prices: pd.DataFrame) -> Price | None:
    """What an endpoint's calls cost the way it is asked, None where that is not known.

    Raises
    ------
    SpendError
        The endpoint names a row that the table lacks.
    """
    if endpoint.base_url == SIMULATOR:
        return Price(0.0, 0.0)
    if endpoint.price is None:
        return None
    rows = prices[prices["price"] == endpoint.price]
    if rows.empty:
        known = ", ".join(prices["price"])
        raise SpendError(
            f"endpoints.{endpoint.alias}.price: no {endpoint.price!r} in the price table; rows are {known}"
        )
    row = rows.iloc[0]
    share = 1 - row["batch_discount"] if endpoint.transport == "batch" else 1.0
    price = Price(row["input_usd"] * share, row["output_usd"] * share, row["as_of"])
    return None if math.isnan(price.input_usd + price.output_usd) else price

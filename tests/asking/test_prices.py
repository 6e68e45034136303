"""The price table: rows that are found, and tables that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from persona_lib.asking.prices import Price, SpendError, price_of, read_prices
from persona_lib.messages.endpoint import Endpoint

ROOT = Path(__file__).parents[2]
PRICES = read_prices(ROOT / "data" / "reference" / "prices.csv")
MINE = Endpoint("mine", "m", base_url="http://x/v1", price="gpt-4o")


class TestPrices:
    def test_of_an_endpoint(self):
        assert price_of(MINE, PRICES).of(1_000_000, 1_000_000) == 12.5
        batch = Endpoint("mine", "m", price="gpt-4o", transport="batch")
        assert price_of(batch, PRICES).of(1_000_000, 1_000_000) == 6.25
        assert price_of(Endpoint("sim", "m", base_url="simulator"), PRICES) == Price(0, 0)

    def test_what_is_not_known_is_none(self):
        assert price_of(Endpoint("mine", "m"), PRICES) is None
        assert price_of(Endpoint("mine", "m", price="mistral-large"), PRICES) is None

    def test_a_row_that_is_not_there(self):
        with pytest.raises(SpendError, match=r"endpoints.mine.price: no 'gpt-9' in the price table; rows are gpt-4, "):
            price_of(Endpoint("mine", "m", price="gpt-9"), PRICES)

    def test_every_row_names_its_source_and_its_day(self):
        assert PRICES["source"].str.len().gt(20).all() and PRICES["as_of"].str.fullmatch(r"20\d\d-\d\d-\d\d").all()
        known = PRICES["input_usd"].notna()
        assert (known == PRICES["output_usd"].notna()).all() and PRICES["source"][~known].str.startswith(
            "unknown"
        ).all()

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("a,1,x,0.5,2026-01-01,s", "a: output_usd is 'x', not a price; leave it empty"),
            ("a,-1,1,0.5,2026-01-01,s", "a: input_usd is '-1'"),
            ("a,1,1,,2026-01-01,s\na,2,2,,2026-01-01,s", "a stands twice"),
        ],
    )
    def test_a_table_that_cannot_be_used(self, tmp_path, row, message):
        path = tmp_path / "prices.csv"
        path.write_text(f"price,input_usd,output_usd,batch_discount,as_of,source\n{row}\n")
        with pytest.raises(SpendError, match=message):
            read_prices(path)
        path.write_text("name\nx\n")
        with pytest.raises(SpendError, match="columns must be price, input_usd"):
            read_prices(path)


def test_a_table_that_is_not_there_says_where_the_shipped_one_is(tmp_path):
    with pytest.raises(SpendError, match=r"none.csv: no such file; the shipped prices are data/reference/prices.csv"):
        read_prices(tmp_path / "none.csv")

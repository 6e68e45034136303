"""The card of the sample, census_sample.md: every number in it comes from census_sample_quality.csv."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

WORST = 8  # rows of a table of the largest differences
CARD = """\
# The shipped census sample

**What it is.** `census_sample.csv.gz`: a synthetic sample of the United States population of 2018, in the layout of
an official ACS public-use person file (`psam_p*.csv`): {persons} persons of all ages in {households} whole households
and {quarters} persons in group quarters, in {states} areas (the states and the District of Columbia), one weight and
80 replicate weights each. There is no housing file: household type, presence of children and household language are
derived from the persons and marked so. It lets everything run without a download.

**How it was made.** `make_census_sample.py`, seeded, from the seven official 2018 1-year person files of Idaho,
Nebraska, New Mexico, Rhode Island, South Dakota, Vermont and West Virginia ({source_records} records):

1. The seven states are not the nation. Their households are weighted to published national totals of 2018
   (`sample_margins.py`), and, since single margins would leave the foreign-born share of one group at a multiple of
   the truth, to origin x age x nativity x language: how these hang together is taken from a tenth of the 2024
   public-use records (`national_shares_2024.csv`), how many there are of each from the tables of 2018
   (`sample_shares.py`); {targets} totals in all. No weight exceeds {source_largest_weight} times the mean.
2. Households are drawn by these weights along a sorted list; the most often drawn one was drawn {most_draws} times.
3. People of the same age class and sex who are alike in the other attributes swap their ancestry, then their work
   and income, then their difficulties, each with somebody else of another household: an optimal assignment, in which
   every set of values is used once (`sample_mixing.py`). Household, race and origin, marital status, schooling,
   citizenship, country of birth, language, insurance and fertility stay together.
4. Adults' ages vary by up to two years, incomes by up to 10 %; states are drawn by the householder's origin from
   published counts, birthplaces of the native-born to match.
5. Whoever then equals a source record that is unique on all attributes, or lives in a household that equals a real
   one, borrows anew from their nearest neighbours in the source until nobody does ({redrawn} persons had to;
   `sample_privacy.py`; a test compares sample and source). Serial numbers occur in no official file.
6. The result is weighted to the same totals, once for the weight and once for each of the 80 replicates (successive
   difference factors; rounded to {replicate_unit} persons).

**How good it is, measured on the shipped file** (`census_sample_quality.csv`, which this card is written from):

| what | compared with | n | mean difference | largest | where |
|---|---|---|---|---|---|
{summary}

The first line is **by construction**: the weights were fitted to these totals, and it is no evidence that the sample
predicts anything. The second is a test of the swapping: bias-corrected Cramer's V (Bergsma 2013) of every pair of
attributes, grouped as the published tables group them and to at most 12 categories, among those whom both questions
were asked. The weights lie between {smallest_weight} and {largest_weight} times their mean; Kish's effective sample
size by these weights alone is {kish} of {persons}; but some were drawn from one record, so that the sample is worth no
more than {behind_all} independent persons (the weighted source: {source_kish} of {source_records}). The population is
{population} million (published: {published_population}).

**How many real records stand behind it.** A household of the source may have been drawn more than once, so a group has
fewer records behind it than persons in it; it counts as many independent ones as the last column says:

| group | persons | records behind them | effective size |
|---|---|---|---|
{behind}

**Against the 2024 records** (a tenth of them, 49 areas, without California and Texas), which it was not fitted to
but for origin, nativity and language. The largest differences of shares:

| attribute | category | sample (2018) | records (2024) |
|---|---|---|---|
{shares_2024}

and of associations:

| attributes | sample (2018) | records (2024) |
|---|---|---|
{associations_2024}

Read them with care. The race question and its coding changed in 2020: people of two or more races are several times
as many in 2024. Incomes are in dollars of their own year. Without California and Texas the 2024 records have too few
people of Hispanic and Asian origin. And the seven states lend more than people: what work immigrants, and people of
each origin, do in Idaho or New Mexico is not what they do in the nation, and raking did not mend it.

**What was not fitted, and is off or unknown.**

- Ancestry: the seven states are rich in German, English and Irish ancestry; within race and origin that stays. It is
  swapped person by person, so that parents and children share it less often than in reality.
- Detailed Hispanic origin beyond Mexican, Puerto Rican and Cuban; countries of birth within a world region; single
  occupations and industries within their groups; joint distributions other than the fitted ones.
- State by state the sample says nothing: a state is a label drawn by origin, and nobody's income knows its cost of
  living.
- Couples are a little less alike than in the source in race, income and insurance, since each member swaps alone.
- It has no allocation flags. Of the source's adults {allocated_any} have some value that the Census Bureau filled in,
  {allocated_income} their income; the sample mixes filled-in and given answers and cannot tell them apart, so every
  value read from it counts as observed, and its provenance says that the file has no flag.
- Incomes are as rounded and top-coded as the source's, then changed by up to 10 % and rounded again; the oldest ages
  are the source states' top codes.
- {common} of the persons equal records that several real people share on every attribute (mostly children, of whom
  little is asked).
- Its replicate errors are those of a sample of this size that was fitted to the totals; for attributes among the
  totals they are near zero. They do not know that the sample comes from seven states.

**Do not** use it to estimate anything about the United States, any state or any group, to study small groups or joint
distributions, or to test a method of inference for surveys. Use the official files for that: name them in
`config/<run>.yaml` under `census.files`.

Source: U.S. Census Bureau, American Community Survey 2018 and 2024, 1-year public-use microdata, and data profiles
DP02, DP03, DP05 of 2018 (public domain).
"""
PARTS = {
    "published": ("weighted shares", "published 2018, points"),
    "association": ("association of two attributes", "weighted source, Cramer's V"),
    "couples": ("association within couples", "weighted source, Cramer's V"),
    "origin": ("nativity and language of adults by origin", "fitted joint shares, points"),
    "origin_2024": ("the same", "2024 records, points"),
    "records_2024": ("shares of grouped attributes", "2024 records, points"),
    "association_2024": ("association of two attributes", "2024 records, Cramer's V"),
}


def card(quality: pd.DataFrame) -> str:
    """The text of the card from the quality table."""
    facts = quality[quality["part"] == "facts"].set_index("first")
    ours, theirs = facts["sample"], facts["reference"]
    whole = ("persons", "households", "quarters", "states", "kish", "most_draws", "redrawn", "targets")
    numbers = {name: f"{ours[name]:,.0f}" for name in (*whole, "replicate_unit")}
    numbers |= {name: f"{ours[name]:.2f}" for name in ("smallest_weight", "largest_weight")}
    numbers |= {"common": f"{ours['common']:.1%}", "population": f"{ours['population'] / 1e6:.2f}"}
    numbers["published_population"] = f"{theirs['population'] / 1e6:.2f}"
    numbers |= {"source_records": f"{theirs['persons']:,.0f}", "source_kish": f"{theirs['kish']:,.0f}"}
    numbers["source_largest_weight"] = f"{theirs['largest_weight']:.0f}"
    of_groups = quality[quality["part"] == "behind"]
    numbers["behind_all"] = f"{of_groups['n_sample'].iloc[0]:,.0f}"
    numbers |= {name: f"{theirs[name]:.0%}" for name in ("allocated_any", "allocated_income")}
    summary = "\n".join(line(quality[quality["part"] == part], part) for part in PARTS)
    shares = [
        f"| {row.first} | {row.second} | {row.sample:.1%} | {row.reference:.1%} |"
        for row in worst(quality, "records_2024").itertuples()
    ]
    pairs = [
        f"| {row.first}, {row.second} | {row.sample:.2f} | {row.reference:.2f} |"
        for row in worst(quality, "association_2024").itertuples()
    ]
    behind = [
        f"| {row.second or 'all'} | {row.sample:,.0f} | {row.reference:,.0f} | {row.n_sample:,.0f} |"
        for row in of_groups.fillna({"second": ""}).itertuples()
    ]
    tables = {"behind": "\n".join(behind), "shares_2024": "\n".join(shares), "associations_2024": "\n".join(pairs)}
    return CARD.format(**numbers, summary=summary, **tables)


def worst(quality: pd.DataFrame, part: str, n: int = WORST) -> pd.DataFrame:
    """The rows of one part that differ most."""
    rows = quality[quality["part"] == part]
    far = (rows["sample"] - rows["reference"]).abs().sort_values(ascending=False, kind="stable")
    return rows.loc[far.index[:n]]


def line(rows: pd.DataFrame, part: str) -> str:
    """One line of the summary: how far the sample is from its reference."""
    gap = (rows["sample"] - rows["reference"]).abs()
    at = rows.loc[gap.idxmax()]
    what, against = PARTS[part]
    mean, most = (f"{100 * v:.2f}" if against.endswith("points") else f"{v:.3f}" for v in (gap.mean(), gap.max()))
    return f"| {what} | {against} | {len(rows)} | {mean} | {most} | {at['first']}: {at['second']} |"


def main() -> None:
    """Write the card from the table beside this file."""
    here = Path(__file__).parent
    (here / "census_sample.md").write_text(card(pd.read_csv(here / "census_sample_quality.csv")), "utf-8")


if __name__ == "__main__":
    main()

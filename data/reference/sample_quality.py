"""How good the sample is, measured on the file as shipped: the table census_sample_quality.csv.

Each row compares one number of the sample with one of a reference; `part` says which:

facts           sizes and weights, and those of the source
published       weighted share of a category, and the published one of 2018
association     bias-corrected Cramer's V of two attributes, and that of the weighted source
couples         the same between the two partners of a married couple
behind          persons of a group; reference: the records of the source that they were drawn from, each once;
                n_sample: what those count as, by Kish; n_reference: records of the group in the source
origin          share of a tongue and nativity within origin, and the fitted one (odds of 2024, margins of 2018)
records_2024    weighted share of a category, and that of the 2024 records (49 areas)
association_2024, origin_2024
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sample_privacy import fingerprints
from sample_shares import KEYS, classes, joint_targets, margins

from persona_lib.census import published
from persona_lib.census.allocation import allocated_shares
from persona_lib.census.codebook import read_dictionary
from persona_lib.census.pums import read_files
from persona_lib.census.records import describe_parts, person_id
from persona_lib.estimating.association import cramers_v, cross_table, effective_size, lumped
from persona_lib.sampling.coding import code, weighted_shares
from persona_lib.tables.schema import UNKNOWN
from persona_lib.tables.values import ADULT_YEARS

HERE = Path(__file__).parent
ATTRIBUTES = ("hispanic_origin", "nativity", *published.GROUPS, *published.PLAIN_ATTRIBUTES)
MOST = 12  # categories of an attribute at most
COUPLES = ("age_years", "race", "education", "employment_status", "income_usd", "citizenship", "health_insurance")
COLUMNS = ["part", "first", "second", "sample", "reference", "n_sample", "n_reference"]


def categories(census: pd.DataFrame) -> pd.DataFrame:
    """The category of every person in every attribute as the published tables group it; missing if not asked."""
    return pd.DataFrame({attribute: published.category(census, attribute).astype("str") for attribute in ATTRIBUTES})


def kept_categories(source: pd.DataFrame, weights: np.ndarray) -> dict[str, set[str]]:
    """Which categories stay when each attribute has at most `MOST`, by the source's weights."""
    return {a: set(lumped(source[a], weights, most=MOST).dropna()) for a in ATTRIBUTES}


def grouped(found: pd.DataFrame, kept: dict[str, set[str]]) -> pd.DataFrame:
    """Categories with the rare ones lumped as in the source; an attribute that a file lacks is missing."""
    out = found.copy()
    for attribute, names in kept.items():
        if "all other" in names:
            words = found[attribute].astype("object")
            out[attribute] = words.where(words.isin(names) | words.isna(), "all other")
        if set(found[attribute].dropna()) == {UNKNOWN}:
            out[attribute] = None
    return out


def associations(first: pd.DataFrame, second: pd.DataFrame, weights: np.ndarray, pairs: list) -> pd.DataFrame:
    """Cramer's V of pairs of attributes, one of each table, among those whom both were asked: first, second, v, n."""
    rows = []
    for a, b in pairs:
        table, n = cross_table(first[a], second[b], weights)
        rows.append({"first": a, "second": b, "v": cramers_v(table, n=n), "n": n})
    return pd.DataFrame(rows)


def all_pairs(groups: pd.DataFrame, weights: np.ndarray) -> pd.DataFrame:
    """Cramer's V of every pair of attributes."""
    return associations(groups, groups, weights, list(combinations(ATTRIBUTES, 2)))


def couples(census: pd.DataFrame, groups: pd.DataFrame, weights: np.ndarray) -> pd.DataFrame:
    """Cramer's V between householder and spouse, attribute by attribute, by the householder's weight."""
    at = pd.Series(np.arange(len(census)), index=census["household_id"])
    head = at[(census["relationship"] == "Reference person").to_numpy()]
    spouse = at[(census["relationship"] == "Husband/wife").to_numpy()]
    spouse = spouse[spouse.index.isin(head.index)]
    head = head[spouse.index]
    parts = [groups.iloc[rows.to_numpy()].reset_index(drop=True) for rows in (head, spouse)]
    return associations(*parts, weights[head.to_numpy()], [(a, a) for a in COUPLES])


def all_shares(found: pd.DataFrame, weights: np.ndarray) -> pd.DataFrame:
    """Weighted share of every category: first (attribute), second (category), v, n."""
    shares = weighted_shares(code(found), weights[:, None])
    return shares.rename(columns={"attribute": "first", "category": "second", "share": "v"})[
        ["first", "second", "v", "n"]
    ]


def published_shares(census: pd.DataFrame, found: pd.DataFrame, rows: pd.DataFrame, weights: np.ndarray, totals):
    """Shares among those whom the published tables count, beside theirs; origin, nativity and language too."""
    counted, official = {}, []
    for attribute in published.GROUPS:
        theirs = published.shares(totals, attribute, areas=[published.NATION])
        inside = published.universe(census, attribute) & found[attribute].isin(theirs["category"])
        counted[attribute] = found[attribute].where(inside)
        official.append(theirs.assign(first=attribute))
    keys = classes(rows)
    for key, wanted in margins(nation(totals)).items():
        name = {"language": "language spoken at home"}.get(key, key)
        counted[name] = keys[key].mask(keys[key] == "not asked")
        share = pd.Series(wanted).drop("not asked", errors="ignore")
        official.append(pd.DataFrame({"category": share.index, "share": share / share.sum(), "first": name}))
    ours = all_shares(pd.DataFrame(counted), weights)
    theirs = pd.concat(official).rename(columns={"category": "second", "share": "reference"})
    return ours.merge(theirs[["first", "second", "reference"]], on=["first", "second"]).assign(part="published")


def within_origin(shares: pd.DataFrame) -> pd.DataFrame:
    """Adults of each origin: share of every nativity and language. `shares` has the four keys and `share`."""
    adults = shares[shares["age"] == "adult"]
    part = adults["share"] / adults.groupby("origin")["share"].transform("sum")
    return pd.DataFrame(
        {"first": adults["origin"], "second": adults["nativity"] + ", " + adults["language"], "v": part}
    )


def beside(part: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Rows of the quality table from two measurements of the same things; what one side lacks is left out."""
    both = ours.merge(theirs, on=["first", "second"], suffixes=("_sample", "_reference")).dropna(
        subset=["v_sample", "v_reference"]
    )
    return both.rename(columns={"v_sample": "sample", "v_reference": "reference"}).assign(part=part)


def described(rows: pd.DataFrame, homes: pd.DataFrame | None = None) -> pd.DataFrame:
    """PUMS rows as the table `census`, read as the pipeline reads them, in the order of the rows."""
    homes = pd.DataFrame({"SERIALNO": pd.Series(dtype="str")}) if homes is None else homes
    labels = read_dictionary(HERE / "pums_labels.csv.gz")
    made = pd.concat(describe_parts(rows, households=homes, dictionary=labels, most_unlabelled=0.01))
    return made.set_index("person_id").loc[person_id(rows)].reset_index()


def quality(sample: Path, source: pd.DataFrame, weight: np.ndarray, folder: Path, facts: dict) -> pd.DataFrame:
    """The quality table of one sample file.

    `source` is the table `census` of the source with its weights; `folder` holds the 2024 records; `facts` are
    pairs (of the sample, of its reference) that say how the sample was made.
    """
    rows, _ = read_files(sample)
    ours = described(rows)
    weights = ours["weight_persons"].to_numpy(dtype="float64")
    totals = published.read_published(HERE / "published_acs2018_1yr.csv.gz")
    theirs = categories(source)
    kept = kept_categories(theirs, weight)
    found = categories(ours)
    groups, real = grouped(found, kept), grouped(theirs, kept)
    v = all_pairs(groups, weights)
    keys = classes(rows).assign(share=weights, n=1).groupby(KEYS)[["share", "n"]].sum().reset_index()
    records, homes = read_files(sorted(folder.glob("national_*_2024_*.csv.gz")))
    later = described(records.assign(ADJINC="1000000"), homes)  # the extract lacks it: dollars as reported
    later_weights = later["weight_persons"].to_numpy(dtype="float64")
    later_groups = grouped(categories(later), kept)
    shares_2024 = pd.read_csv(HERE / "national_shares_2024.csv")
    population = nation(totals)["DP05_0001"]
    parts = [
        fact_rows(ours, weights, source, weight, {**facts, "population": (weights.sum(), population)}),
        published_shares(ours, found, rows, weights, totals).rename(columns={"v": "sample", "n": "n_sample"}),
        beside("association", v, all_pairs(real, weight)),
        beside("couples", couples(ours, groups, weights), couples(source, real, weight)),
        beside("origin", within_origin(keys), within_origin(joint_shares(shares_2024, totals))),
        beside("origin_2024", within_origin(keys), within_origin(shares_2024)),
        beside("records_2024", all_shares(groups, weights), all_shares(later_groups, later_weights)),
        beside("association_2024", v, all_pairs(later_groups, later_weights)),
    ]
    return pd.concat(parts)[COLUMNS].reset_index(drop=True).round(5)


def fact_rows(ours: pd.DataFrame, weights: np.ndarray, source: pd.DataFrame, weight: np.ndarray, facts: dict):
    """Sizes and weights of the sample and, as reference, of its source."""
    quarters = ours["is_group_quarters"]
    real, made = fingerprints(source), fingerprints(ours)
    adults = source[source["age_years"] >= ADULT_YEARS]
    allocated = allocated_shares(adults).set_index("attribute")["share"]
    sizes = {
        "persons": (len(ours), len(source)),
        "households": (ours.loc[~quarters, "household_id"].nunique(), None),
        "quarters": (quarters.sum(), source["is_group_quarters"].sum()),
        "states": (ours["state"].nunique(), source["state"].nunique()),
        "kish": (effective_size(weights), effective_size(weight)),
        "largest_weight": (weights.max() / weights.mean(), weight.max() / weight.mean()),
        "smallest_weight": (weights.min() / weights.mean(), weight.min() / weight.mean()),
        "common": (made.isin(set(real)).mean(), None),
        "allocated_any": (None, allocated["any of these"]),
        "allocated_income": (None, allocated["income_usd"]),
        **facts,
    }
    found = pd.DataFrame.from_dict(sizes, orient="index", columns=["sample", "reference"], dtype=float)
    return found.rename_axis("first").reset_index().assign(part="facts", second="")


def behind(made: pd.DataFrame, weights: np.ndarray, drawn: np.ndarray, source: pd.DataFrame) -> pd.DataFrame:
    """Of all, of every race and of Hispanic origin: persons of the sample, and the records that they come from.

    A record may have been drawn more than once, so that a group is worth no more than its records: Kish's effective
    size of the weights, those of one record summed.

    Parameters
    ----------
    made, weights : the sample as the table `census`, and its weights
    drawn : the row of `source` that each person of the sample was drawn from
    """
    labels = {"race": made["race"], "hispanic_origin": made["hispanic_origin"] != "Not Hispanic or Latino"}
    labels["hispanic_origin"] = labels["hispanic_origin"].map({True: "Hispanic or Latino", False: ""})
    theirs = {"race": source["race"], "hispanic_origin": source["hispanic_origin"] != "Not Hispanic or Latino"}
    theirs["hispanic_origin"] = theirs["hispanic_origin"].map({True: "Hispanic or Latino", False: ""})
    found = [("all", "", np.ones(len(made), bool), len(source))]
    for first, values in labels.items():
        names = values[values != ""].value_counts().index
        found += [(first, name, (values == name).to_numpy(), int((theirs[first] == name).sum())) for name in names]
    rows = []
    for first, second, inside, n_source in found:
        of_record = pd.Series(weights[inside]).groupby(drawn[inside]).sum()
        rows.append((first, second, inside.sum(), len(of_record), effective_size(of_record), n_source))
    columns = ["first", "second", "sample", "reference", "n_sample", "n_reference"]
    return pd.DataFrame(rows, columns=columns).assign(part="behind")[COLUMNS]


def nation(totals: pd.DataFrame) -> pd.Series:
    """Published estimates of the United States by variable."""
    return totals[totals["area"] == published.NATION].set_index("variable")["estimate"].astype(float)


def joint_shares(shares_2024: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    """The fitted joint classes: the four keys and `share`, in persons of 2018."""
    joint = joint_targets(shares_2024, nation(totals))
    keys = pd.DataFrame([name.split("|") for name in joint.index], columns=KEYS)
    return keys.assign(share=joint.to_numpy())

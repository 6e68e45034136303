"""Make census_sample.csv.gz: a synthetic census sample in the layout of a PUMS person file.

    OPENBLAS_NUM_THREADS=1 python data/reference/make_census_sample.py FOLDER_OF_PUMS_FILES

Seven official 2018 person files (csv_pid, ne, nm, ri, sd, vt, wv) are weighted to the nation's published totals
and to joint shares of origin, age, nativity and language, no weight above `TRIM` times the mean. Households are
drawn by these weights; people who are alike swap their work, health and ancestry; ages, incomes, states and
birthplaces are drawn anew; whoever still equals a real record or household swaps again; the result is weighted to
the same totals, 80 replicate weights included. From the file, the source and the 2024 records (in the same folder)
the quality table is measured, and from the table the card is written. The same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sample_card import main as write_card
from sample_mixing import IMPORTANT, N_NEIGHBOURS, ORIGIN, lenders, mixed, neighbours, of_same_origin, points, swapped  # noqa: E402
from sample_privacy import copied  # noqa: E402
from sample_quality import behind, categories, described, grouped, kept_categories, quality  # noqa: E402
from sample_weights import calibrated, replicate_factors, targets_of, unit_counts  # noqa: E402

from persona_lib.census.codebook import read_dictionary  # noqa: E402
from persona_lib.census.columns import OPTIONAL, REPLICATES, REQUIRED  # noqa: E402
from persona_lib.census.pums import read_files  # noqa: E402
from persona_lib.tables.streams import generator  # noqa: E402

SEED = 2018
N_PERSONS = 20_600  # about: whole households are drawn
TRIM = 12  # largest weight of a source household, in mean weights
BOUNDS = (0.25, 3.0)  # of the sample's weights, in mean weights
REPLICATE_UNIT = 500  # replicate weights are rounded to this many persons
HERE = Path(__file__).parent
BANDS = [0, 3, 5, *range(15, 26), 30, 35, 40, 45, 50, 51, 55, 60, 65, 70, 75, 80, 85, 200]
# Everybody; Hispanic; not Hispanic and white, black, Asian
POPULATIONS = ["DP05_0001", "DP05_0071", "DP05_0077", "DP05_0078", "DP05_0080"]
COLUMNS = [c for c in (*REQUIRED[3:], *OPTIONAL) if c not in ("ST", "STATE", "RELSHIPP", "ADJINC")]


def state_codes() -> dict[str, str]:
    """Two-digit code of every state and the District of Columbia by its name."""
    book = read_dictionary(HERE / "pums_labels.csv.gz")
    rows = book[(book["variable"] == "ST") & (book["dictionary_year"] == 2018)]
    codes = {label.split("/")[0]: code.zfill(2) for code, label in zip(rows["code"], rows["label"], strict=True)}
    return {name: code for name, code in codes.items() if name != "Puerto Rico"}


def raked(source: pd.DataFrame, targets: pd.Series) -> pd.Series:
    """Trimmed weight of every source household (or person in group quarters), by serial number."""
    counts, units = unit_counts(source, targets.index)
    mean = targets["total"] / len(source)
    start = source.groupby("SERIALNO")["PWGTP"].first().loc[units].astype(float).to_numpy()
    start = np.clip(start / start.mean(), 0.2, 3) * mean
    bounds = {"low": 0.02 * mean, "high": TRIM * mean}
    return pd.Series(calibrated(counts, targets.to_numpy(), start, **bounds, ridge=1e-3, steps=60), index=units)


def draw_households(
    source: pd.DataFrame, weights: pd.Series, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Source rows of the households drawn, and the number of the household that each row now belongs to.

    Systematic, with chance proportional to weight, along a list sorted by kind, origin, tongue, age and size.
    """
    head = source.drop_duplicates("SERIALNO").set_index("SERIALNO").loc[weights.index]
    members = source.groupby("SERIALNO").indices
    listed = pd.DataFrame(
        {
            "quarters": head["RELP"].where(head["RELP"].isin(["16", "17"]), ""),
            "origin": (head["HISP"] != "01").astype(str) + head["RAC1P"] + head["NATIVITY"] + head["LANX"],
            "age": head["AGEP"].astype(int) // 10,
            "size": source.groupby("SERIALNO").size().loc[weights.index],
            "chance": rng.random(len(head)),
        }
    )
    order = listed.reset_index(drop=True).sort_values(list(listed.columns)).index.to_numpy()
    n_units = round(N_PERSONS * weights.sum() / (weights * listed["size"]).sum())
    sums = np.cumsum(weights.to_numpy()[order])
    chosen = order[np.searchsorted(sums, (np.arange(n_units) + rng.random()) * sums[-1] / n_units)]
    rows = [members[weights.index[unit]] for unit in chosen]
    return np.concatenate(rows), np.repeat(np.arange(n_units), [len(r) for r in rows])


def vary_ages(rows: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Another age within the same band of adults; bands do not cross the bounds of any question."""
    age = rows["AGEP"].astype(int).to_numpy()
    place = np.digitize(age, BANDS)
    low, high = np.array(BANDS)[place - 1], np.minimum(np.array(BANDS)[place], 95) - 1
    moved = np.clip(age + rng.integers(-2, 3, len(age)), low, np.maximum(low, high))
    varied = pd.Series(np.where((age < 18) | (age > 92), age, moved), index=rows.index)
    child = varied[rows["RELP"] == "02"].groupby(rows["home"]).max()
    parent = varied[rows["RELP"] == "00"].groupby(rows["home"]).max()
    too_near = (parent - child).loc[lambda gap: gap < 14].index
    return varied.where(~rows["home"].isin(too_near), age).astype(str)


def vary_income(rows: pd.DataFrame, factor: np.ndarray) -> pd.Series:
    """Income times its factor, rounded as the Census Bureau rounds."""
    income = pd.to_numeric(rows["PINCP"], errors="coerce") * factor
    unit = np.select([income.abs() < 1_000, income.abs() < 50_000], [10, 100], 1_000)
    rounded = (income / unit).round() * unit
    return rounded.map(lambda value: "" if np.isnan(value) else str(int(value)))


def place(rows: pd.DataFrame, published: pd.DataFrame, fips: dict[str, str], rng: np.random.Generator) -> pd.DataFrame:
    """A state for every household by its householder's origin, and birthplaces of the native-born to match."""
    counts = published[published["area"].isin(fips) & published["variable"].isin(POPULATIONS)]
    table = counts.pivot(index="area", columns="variable", values="estimate").astype(float)
    table.index = table.index.map(fips)
    total, hispanic, white, black, asian = (table[variable] for variable in POPULATIONS)
    shares = {"H": hispanic, "W": white, "B": black, "A": asian, "O": total - hispanic - white - black - asian}
    first = rows.drop_duplicates("home").set_index("home")
    group = first["RAC1P"].map({"1": "W", "2": "B", "6": "A"}).fillna("O").where(first["HISP"] == "01", "H")
    drawn = pd.Series("", index=group.index)
    for name, share in shares.items():
        drawn[group == name] = rng.choice(table.index, p=share / share.sum(), size=(group == name).sum())
    state = rows["home"].map(drawn)
    born = rows["POBP"].copy()
    is_state = rows["NATIVITY"].eq("1") & rows["POBP"].astype(int).lt(60)
    at_home = is_state & (rows["POBP"].str[1:] == rows["ST"])
    born[at_home] = "0" + state[at_home]
    open_rows = is_state & ~at_home
    while open_rows.any():  # another state than their own
        born[open_rows] = "0" + pd.Series(
            rng.choice(table.index, p=total / total.sum(), size=open_rows.sum()), index=born.index[open_rows]
        )
        open_rows &= born.str[1:] == state
    return rows.assign(ST=state, POBP=born)


def replicate_weights(counts: np.ndarray, targets: np.ndarray, base: np.ndarray, mean: float) -> np.ndarray:
    """Units x 80: the base weights perturbed by successive differences, each time fitted again and rounded."""
    factors = replicate_factors(len(base))
    fitted = [
        calibrated(counts, targets, base * factor, low=0.05 * mean, high=6 * mean, ridge=1e-2, steps=5)
        for factor in factors.T
    ]
    return np.rint(np.column_stack(fitted) / REPLICATE_UNIT).astype(int) * REPLICATE_UNIT


def new_rows(source: pd.DataFrame, chosen: np.ndarray, home: np.ndarray) -> pd.DataFrame:
    """The drawn rows with serial numbers of their own; `drawn` keeps the source's."""
    rows = source.iloc[chosen].reset_index(drop=True).assign(home=home, drawn=source["SERIALNO"].to_numpy()[chosen])
    rows["SPORDER"] = (rows.groupby("home").cumcount() + 1).astype(str)
    kind = rows["RELP"].isin(["16", "17"]).map({True: "GQ", False: "HU"})
    rows["SERIALNO"] = "2018" + kind + (9_000_000 + rows["home"]).astype(str)
    return rows.assign(file="census_sample.csv.gz")


def unlike_anybody(
    rows: pd.DataFrame,
    chosen: np.ndarray,
    source: pd.DataFrame,
    real: pd.DataFrame,
    groups: pd.DataFrame,
    weight: np.ndarray,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, int]:
    """Swap blocks and vary incomes until nobody equals a real record; how many had to swap again."""
    picked = swapped(chosen, source, groups)
    at = points(groups, source, IMPORTANT | ORIGIN)
    factor = rng.uniform(0.9, 1.1, len(rows))
    redrawn = np.zeros(len(rows), dtype=bool)
    for attempt in range(60):
        made = mixed(rows, source, picked)
        made["PINCP"] = vary_income(made, factor)
        again = copied(described(made), real)
        if not again.any():
            return made, int(redrawn.sum())
        redrawn |= again
        picked[again] = lenders(neighbours(chosen[again], source, at), weight, rng)
        if attempt > 3:  # all neighbours alike: an ancestry from anybody of the same origin, at last from anybody
            least = N_NEIGHBOURS if attempt < 12 else len(source)
            picked[again, 0] = of_same_origin(source, chosen[again], weight, rng, least=least)
        factor[again] = rng.uniform(0.9, 1.1, again.sum())
    raise SystemExit(f"{again.sum()} persons still equal a real record or live in a copied household")


def weighted(rows: pd.DataFrame, targets: pd.Series) -> pd.DataFrame:
    """The rows with PWGTP and its 80 replicates, the same for all members of a household."""
    counts, units = unit_counts(rows, targets.index)
    mean = targets["total"] / len(rows)
    low, high = (bound * mean for bound in BOUNDS)
    start = np.full(len(units), mean)
    fitted = calibrated(counts, targets.to_numpy(), start, low=low, high=high, ridge=5e-3, steps=60)
    where = pd.Series(np.arange(len(units)), index=units)[rows["SERIALNO"]].to_numpy()
    replicates = replicate_weights(counts, targets.to_numpy(), fitted, mean)[where]
    weights = pd.DataFrame(replicates, columns=list(REPLICATES)).assign(PWGTP=np.rint(fitted[where]).astype(int))
    return pd.concat([rows.drop(columns=[c for c in weights if c in rows]), weights], axis=1)


def main(folder: str) -> None:
    """Read, weight, draw, swap, weight again, write; then measure what was written."""
    rng = generator(SEED, "census_sample")
    published = pd.read_csv(HERE / "published_acs2018_1yr.csv.gz", dtype=str, keep_default_na=False)
    source, _ = read_files(sorted(Path(folder).glob("csv_p??.zip")))
    source["home"] = source["SERIALNO"]
    targets = targets_of(published, pd.read_csv(HERE / "national_shares_2024.csv"), source)
    weights = raked(source, targets)
    weight = source["SERIALNO"].map(weights).to_numpy()
    real = described(source)
    found = categories(real)
    groups = grouped(found, kept_categories(found, weight))

    chosen, home = draw_households(source, weights, rng)
    rows = new_rows(source, chosen, home)
    rows = place(rows.assign(AGEP=vary_ages(rows, rng)), published, state_codes(), rng)
    rows, redrawn = unlike_anybody(rows, chosen, source, real, groups, weight, rng)
    rows = weighted(rows, targets).assign(RT="P")
    columns = ["RT", *REQUIRED[:2], "ST", "ADJINC", "PWGTP", *COLUMNS, *REPLICATES]
    text = rows[columns].sort_values(["SERIALNO", "SPORDER"]).to_csv(index=False, lineterminator="\n")
    sample = HERE / "census_sample.csv.gz"
    sample.write_bytes(gzip.compress(text.encode(), 9, mtime=0))

    most_draws = rows.drop_duplicates("home")["drawn"].value_counts().max()
    made = {"most_draws": most_draws, "redrawn": redrawn, "targets": len(targets), "replicate_unit": REPLICATE_UNIT}
    facts = {name: (number, None) for name, number in made.items()}
    origins = behind(described(rows), rows["PWGTP"].to_numpy(dtype="float64"), chosen, real).round(5)
    table = pd.concat([quality(sample, real, weight, Path(folder), facts), origins])
    table.to_csv(HERE / "census_sample_quality.csv", index=False, lineterminator="\n")
    write_card()


if __name__ == "__main__":
    main(sys.argv[1])

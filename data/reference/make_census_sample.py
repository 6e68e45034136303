"""Make census_sample.csv.gz: a synthetic census sample in the layout of a PUMS person file.

    python data/reference/make_census_sample.py FOLDER_OF_PUMS_ZIPS

Seven official 2018 person files (csv_pid, ne, nm, ri, sd, vt, wv) are weighted to the nation's published
totals; households are drawn by these weights as skeletons; each person's work, health and origin details are
then replaced by those of other, similar people; birthplaces and states are drawn anew; the result is weighted
to the published totals again, 80 replicate weights included. No row is a copy. The same input gives the
same bytes. What it is for, and not for: census_sample.md.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sample_margins import indicators, published_targets  # noqa: E402

from persona_lib.pums import OPTIONAL, REPLICATES, REQUIRED, read_files  # noqa: E402
from persona_lib.streams import generator  # noqa: E402

SEED = 2018
N_PERSONS = 6_000
HERE = Path(__file__).parent
ATTRIBUTES = [c for c in (*REQUIRED[3:], *OPTIONAL) if c not in ("ST", "STATE", "RELSHIPP", "ADJINC")]
BANDS = [0, 3, 5, *range(15, 26), 30, 35, 40, 45, 50, 51, 55, 60, 65, 70, 75, 80, 85, 200]
# Everybody; Hispanic; not Hispanic and white, black, Asian
POPULATIONS = ["DP05_0001", "DP05_0071", "DP05_0077", "DP05_0078", "DP05_0080"]
WORK = ["SCHL", "ESR", "COW", "INDP", "OCCP", "PINCP"]
HEALTH = ["DREM", "DEYE", "DEAR"]


def calibrated(counts: np.ndarray, targets: np.ndarray, start: np.ndarray, *, bound: float, ridge: float) -> np.ndarray:
    """Weights start x exp(counts . t), each factor within exp(+-bound), whose totals meet the targets softly."""
    scale = targets
    t = np.zeros(counts.shape[1])
    for _ in range(100):
        weights = start * np.exp(np.clip(counts @ t, -bound, bound))
        gap = (targets - counts.T @ weights) / scale - ridge * t
        free = np.abs(counts @ t) < bound
        slope = (counts[free].T @ (counts[free] * weights[free, None])) / scale[:, None] + ridge * np.eye(len(t))
        step = np.linalg.solve(slope, gap)
        longest = np.abs(counts @ step).max()
        t = t + step / max(1.0, longest)
        if longest < 1e-6:
            break
    return start * np.exp(np.clip(counts @ t, -bound, bound))


def unit_counts(rows: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, pd.Index]:
    """How many members of each household (or the one person in group quarters) fall under each margin."""
    summed = indicators(rows)[names].groupby(rows["SERIALNO"].to_numpy()).sum()
    return summed.to_numpy(float), summed.index


def strata(rows: pd.DataFrame, keys: list[str]) -> pd.Series:
    """One text per row that names its stratum."""
    text = rows[keys].astype(str)
    return text.iloc[:, 0].str.cat([text[key] for key in keys[1:]], sep="|")


def keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """The classes within which people lend details to each other."""
    age, school = rows["AGEP"].astype(int), pd.to_numeric(rows["SCHL"], errors="coerce").fillna(0)
    return pd.DataFrame(
        {
            "band": np.where(age < 18, age, np.digitize(age, BANDS) + 100),
            "wide": np.digitize(age, [3, 5, 10, 15, 16, 17, 18, 22, 25, 35, 51, 65, 75]),
            "sex": rows["SEX"],
            "origin": rows["RAC1P"].replace({"3": "A", "4": "A", "5": "A"}) + (rows["HISP"] != "01").astype(str),
            "hisp": rows["HISP"],
            "school": np.digitize(school, [16, 18, 21]),
            "work": rows["ESR"].replace({"2": "1", "5": "4"}),
            "cow": rows["COW"] == "",
            "army": rows["MIL"],
            "married": rows["MAR"] == "1",
            "quarters": rows["RELP"].where(rows["RELP"].isin(["16", "17"]), ""),
            "born": rows["POBP"].where(rows["NATIVITY"] == "2", "US"),
            "dis": rows["DIS"],
        }
    )


def borrow(rows: pd.DataFrame, donors: pd.DataFrame, columns: list[str], ladders: list[list[str]], rng, *, least: int):
    """Replace `columns` by those of a donor from another household, of the finest stratum with `least` donors."""
    mine, theirs = keyed(rows), keyed(donors)
    chosen = np.full(len(rows), -1)
    weight, home, own = donors["weight"].to_numpy(), donors["SERIALNO"].to_numpy(), rows["source"].to_numpy()
    for ladder in ladders:
        here, there = strata(mine, ladder).to_numpy(), strata(theirs, ladder).to_numpy()
        pools = donors.groupby(there).indices
        for row in np.flatnonzero(chosen < 0):
            pool = pools.get(here[row], np.empty(0, int))
            pool = pool[home[pool] != own[row]]
            if len(pool) >= least:
                chosen[row] = pool[np.searchsorted(np.cumsum(weight[pool]), rng.random() * weight[pool].sum())]
    found, out = chosen >= 0, rows.copy()
    for column in columns:
        out[column] = np.where(found, donors[column].to_numpy()[chosen], rows[column].to_numpy())
    return out


def vary_ages(rows: pd.DataFrame, rng) -> pd.Series:
    """Another age within the same band of adults; bands do not cross the bounds of any question."""
    age = rows["AGEP"].astype(int).to_numpy()
    place = np.digitize(age, BANDS)
    low, high = np.array(BANDS)[place - 1], np.minimum(np.array(BANDS)[place], 95) - 1
    moved = np.clip(age + rng.integers(-2, 3, len(age)), low, np.maximum(low, high))
    varied = pd.Series(np.where((age < 18) | (age > 92), age, moved), index=rows.index)
    child = varied[rows["RELP"] == "02"].groupby(rows["home"]).max()
    is_young = (rows["RELP"] == "00") & (varied - rows["home"].map(child) < 14)
    return varied.where(~is_young, age).astype(str)


def vary_income(rows: pd.DataFrame, rng) -> pd.Series:
    """Income moved by up to 10 % and rounded as the Census Bureau rounds."""
    income = pd.to_numeric(rows["PINCP"], errors="coerce")
    moved = income * rng.uniform(0.9, 1.1, len(income))
    unit = np.select([moved.abs() < 1_000, moved.abs() < 50_000], [10, 100], 1_000)
    rounded = (moved / unit).round() * unit
    return rounded.map(lambda value: "" if np.isnan(value) else str(int(value)))


def place(rows: pd.DataFrame, published: pd.DataFrame, fips: dict[str, str], rng) -> pd.DataFrame:
    """A state for every household by its householder's origin, and birthplaces of the native-born to match."""
    counts = published[published["area"].isin(fips) & published["variable"].isin(POPULATIONS)]
    table = counts.pivot(index="area", columns="variable", values="estimate").astype(float)
    table.index = table.index.map(fips)
    total, hispanic, white, black, asian = (table[variable] for variable in POPULATIONS)
    shares = {"H": hispanic, "W": white, "B": black, "A": asian, "O": total - hispanic - white - black - asian}
    first = rows.drop_duplicates("home").set_index("home")
    group = first["RAC1P"].map({"1": "W", "2": "B", "6": "A"}).fillna("O").where(first["HISP"] == "01", "H")
    drawn = {home: rng.choice(table.index, p=shares[g] / shares[g].sum()) for home, g in group.items()}
    state = rows["home"].map(drawn)
    born = rows["POBP"].copy()
    is_state = rows["NATIVITY"].eq("1") & rows["POBP"].astype(int).lt(60)
    at_home = is_state & (rows["POBP"].str[1:] == rows["ST"])
    born[at_home] = "0" + state[at_home]
    elsewhere = np.flatnonzero(is_state & ~at_home)
    born.iloc[elsewhere] = ["0" + rng.choice(table.index, p=total / total.sum()) for _ in elsewhere]
    return rows.assign(ST=state, POBP=born)


def without_copies(rows: pd.DataFrame, source: pd.DataFrame, rng) -> pd.DataFrame:
    """Draw ancestry, then birthplace, again for rows that equal a source record on every attribute."""
    real = set(source[ATTRIBUTES].itertuples(index=False, name=None))
    out = rows.copy()
    for attempt in range(200):
        copies = [i for i, row in enumerate(out[ATTRIBUTES].itertuples(index=False, name=None)) if row in real]
        if not copies:
            return out
        for row in copies:
            alike = out.index[(out["RAC1P"] == out["RAC1P"].iloc[row]) & (out["HISP"] == out["HISP"].iloc[row])]
            out.loc[row, "ANC1P"] = out.loc[rng.choice(alike), "ANC1P"]
            if attempt > 3 and out.loc[row, "NATIVITY"] == "1":
                natives = out.index[(out["NATIVITY"] == "1") & (out["CIT"] == out.loc[row, "CIT"])]
                out.loc[row, "POBP"] = out.loc[rng.choice(natives), "POBP"]
    raise SystemExit(f"{len(copies)} rows still equal a source record")


def replicate_factors(n: int) -> np.ndarray:
    """n x 80 factors 0.29, 1 or 1.71 of successive difference replication, from Paley's Hadamard matrix."""
    squares = {(k * k) % 79 for k in range(1, 79)}
    chi = np.array([0, *(1 if k in squares else -1 for k in range(1, 79))])
    skew = np.zeros((80, 80), int)
    skew[0, 1:], skew[1:, 0] = 1, -1
    skew[1:, 1:] = chi[(np.arange(79)[None, :] - np.arange(79)[:, None]) % 79]
    hadamard = skew + np.eye(80, dtype=int)
    order = np.arange(n) % 79 + 1
    return 1 + 2**-1.5 * (hadamard[order] - hadamard[np.arange(1, n + 1) % 79 + 1])


def main(folder: str) -> None:
    """Read, weight, draw, mix, weight again, write."""
    rng = generator(SEED, "census_sample")
    source, _ = read_files(sorted(Path(folder).glob("csv_p??.zip")))
    published = pd.read_csv(HERE / "published_acs2018_1yr.csv.gz", dtype=str, keep_default_na=False)
    labels = pd.read_csv(HERE / "pums_labels.csv.gz", dtype=str)
    states = labels[(labels["variable"] == "ST") & (labels["dictionary_year"] == "2018")]
    fips = {label.split("/")[0]: code for code, label in zip(states["code_from"], states["label"], strict=True)}
    fips.pop("Puerto Rico", None)
    source["home"] = source["SERIALNO"]
    targets = published_targets(published)

    counts, units = unit_counts(source, list(targets.index))
    start = source.groupby("SERIALNO")["PWGTP"].first().loc[units].astype(float).clip(lower=1).to_numpy()
    start = start * targets["total"] / (counts[:, list(targets.index).index("total")] @ start)
    weights = calibrated(counts, targets.to_numpy(), start, bound=6.0, ridge=1e-4)
    source["weight"] = source["SERIALNO"].map(dict(zip(units, weights, strict=True)))

    size = counts[:, list(targets.index).index("total")]
    n_units = int(N_PERSONS * weights.sum() / (size @ weights))
    mixed = rng.permutation(len(units))
    sums = np.cumsum(weights[mixed])
    chosen = mixed[np.searchsorted(sums, (np.arange(n_units) + rng.random()) * sums[-1] / n_units)]
    members = source.groupby("SERIALNO").indices
    rows = pd.concat([source.iloc[members[units[u]]].assign(home=k) for k, u in enumerate(chosen)], ignore_index=True)
    rows["source"] = rows["SERIALNO"]

    base = ["band", "sex", "work", "cow", "army", "school"]
    ladders = [[*base, "origin", "married", "quarters"], [*base, "origin"], [*base, "married"], base]
    rows = borrow(rows, source, WORK, [*ladders, ["wide", *base[1:]], ["wide", *base[2:]]], rng, least=8)
    health = ["wide", "sex", "dis"]
    rows = borrow(rows, source, HEALTH, [[*health, "work", "origin"], [*health, "work"], health], rng, least=8)
    origins = [["origin", "hisp", "born"], ["origin", "hisp"], ["origin"]]
    rows = borrow(rows, source, ["ANC1P"], origins, rng, least=5)
    rows["AGEP"], rows["PINCP"] = vary_ages(rows, rng), vary_income(rows, rng)
    rows = without_copies(place(rows, published, fips, rng), source, rng)

    kind = rows["RELP"].isin(["16", "17"]).map({True: "GQ", False: "HU"})
    rows["SERIALNO"] = "2018" + kind + (9_000_000 + rows["home"]).astype(str)
    counts, units = unit_counts(rows, list(targets.index))
    start = np.full(len(units), targets["total"] / len(rows))
    base_weight = calibrated(counts, targets.to_numpy(), start, bound=1.4, ridge=1e-3)
    factors = replicate_factors(len(units))
    replicates = np.column_stack(
        [calibrated(counts, targets.to_numpy(), base_weight * f, bound=1.0, ridge=1e-2) for f in factors.T]
    )
    where = pd.Series(np.arange(len(units)), index=units)[rows["SERIALNO"]].to_numpy()
    rows["PWGTP"] = np.rint(base_weight[where]).astype(int)
    rows[list(REPLICATES)] = np.rint(replicates[where]).astype(int)
    rows["RT"], rows["PUMA"] = "P", ""
    columns = ["RT", *REQUIRED[:2], "ST", "ADJINC", "PWGTP", *ATTRIBUTES, *REPLICATES]
    text = rows[columns].sort_values(["SERIALNO", "SPORDER"]).to_csv(index=False, lineterminator="\n")
    (HERE / "census_sample.csv.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])

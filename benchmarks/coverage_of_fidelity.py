"""Do the intervals of notebook 02 hold what they promise? Whole surveys are simulated, with known truth.

    python benchmarks/coverage_of_fidelity.py --worlds 200 --draws 150 1586

A world is a country of 40,000 households, made of those of the shipped sample. A survey takes 4,000 of them,
poor households at half the rate, and publishes its tables; the public file is a random 45 % of the survey, with
weights and 80 replicate weights by successive differences; draws are made from the file. Every interval is built
by the functions of notebook 02, and the share of worlds is counted in which it holds what it should.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import linalg

from persona_lib.census import codebook, published, pums
from persona_lib.census.records import describe_parts
from persona_lib.sampling import fidelity, margins, official, population

REFERENCE = Path(__file__).parents[1] / "data" / "reference"
COUNTRY, SURVEYED, PUBLIC = 40_000, 4_000, 0.45
PUBLISHED = ("age_years", "sex", "race", "education", "employment_status", "industry", "occupation")


def hadamard(order: int = 80) -> np.ndarray:
    """A Hadamard matrix of order 80: Paley's of order 20 times Sylvester's of order 4."""
    squares = {k * k % 19 for k in range(1, 19)}
    character = [0] + [1 if k in squares else -1 for k in range(1, 19)]
    core = np.array([[character[(j - i) % 19] for j in range(19)] for i in range(19)]) - np.eye(19, dtype=int)
    paley = np.ones((20, 20), dtype=int)
    paley[1:, 1:] = core
    found = np.kron(linalg.hadamard(4), paley)
    assert (found @ found.T == order * np.eye(order)).all()
    return found


def replicate_factors(n: int) -> np.ndarray:
    """n x 80 factors of successive differences: 1 + 2^-1.5 (a - b), a and b neighbouring rows of the matrix."""
    rows = hadamard()[1:]
    first = np.arange(n) % len(rows)
    return 1 + 2**-1.5 * (rows[first] - rows[(first + 1) % len(rows)])


def shipped() -> pd.DataFrame:
    persons, homes = pums.read_files([REFERENCE / "census_sample.csv.gz"])
    labels = codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz")
    return pd.concat(describe_parts(persons, households=homes, dictionary=labels, most_unlabelled=0.01)).assign(
        state="Vermont"
    )


def world(kinds: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, ...]:
    """The country (as kinds of persons and how many there are), its public file, replicates, published tables."""
    homes = kinds.groupby("household_id").agg({"weight_persons": "mean", "income_usd": "sum"})
    country = homes.sample(COUNTRY, replace=True, weights="weight_persons", random_state=rng)
    chance = np.where(country["income_usd"] < country["income_usd"].median(), 0.5, 1.0)
    surveyed = np.flatnonzero(rng.random(COUNTRY) < chance * SURVEYED / chance.sum())
    rng.shuffle(surveyed)
    weight = chance.sum() / SURVEYED / chance[surveyed]
    factors = np.hstack([np.ones((len(surveyed), 1)), replicate_factors(len(surveyed))])
    ids = country.index.to_numpy()[surveyed]
    totals = tables_of(*persons_of(kinds, ids, weight[:, None] * factors))
    public = np.sort(rng.permutation(len(surveyed))[: int(PUBLIC * len(surveyed))])
    factors = np.hstack([np.ones((len(public), 1)), replicate_factors(len(public))])
    file, weights = persons_of(kinds, ids[public], 10 * (weight[public] / PUBLIC)[:, None] * factors)
    weights = np.round(weights).astype(int)
    file = file.assign(person_id=[f"{k:06d}" for k in range(len(file))], weight_persons=weights[:, 0])
    replicates = pd.DataFrame(weights[:, 1:], columns=[f"replicate_{k:02d}" for k in range(1, 81)])
    replicates.insert(0, "person_id", file["person_id"])
    times = country.index.value_counts().reindex(kinds["household_id"], fill_value=0).to_numpy()
    return kinds.assign(weight_persons=times), file, replicates, totals


def persons_of(kinds: pd.DataFrame, homes: np.ndarray, weights: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """The members of some homes, a home as often as it is named, with their home's weights."""
    rows = pd.DataFrame({"household_id": homes, "home": range(len(homes))}).merge(kinds, on="household_id")
    return rows.drop(columns="home"), weights[rows["home"].to_numpy()]


def tables_of(survey: pd.DataFrame, weights: np.ndarray) -> pd.DataFrame:
    """Published totals with their margins of error, as `published.read_published` gives them."""
    rows = []
    groups = [(False, a, {c: terms for c, (_, terms) in published.GROUPS[a].items()}) for a in PUBLISHED]
    groups += [(True, "sex", published.ADULTS["sex"][1])]
    for adults, attribute, categories in groups:
        inside = published.universe(survey, attribute, adults=adults)
        labels = published.category(survey, attribute)
        for category, terms in categories.items():
            if terms:
                total = weights[(inside & (labels == category)).to_numpy()].sum(axis=0)
                moe = published.Z_90 * population.replicate_error(total[0], total[1:])
                rows.append(
                    {"years": "2018", "area": "Vermont", "variable": terms[0], "estimate": total[0], "moe": moe}
                )
    return pd.DataFrame(rows)


def held(kinds: pd.DataFrame, n_draws: int, seed: int) -> pd.DataFrame:
    """One world: for each promise, how many statements were made and how many held."""
    country, file, replicates, totals = world(kinds, np.random.default_rng(seed))
    base = population.frame(file)
    draws = population.draw(file, n_draws=n_draws, seed=seed)
    weights = population.weight_matrix(file, replicates)
    alone = fidelity.against_source(base, draws, seed=seed, n_redraws=300)
    against = official.against_published(file, base, draws, weights, totals, seed=seed, n_redraws=300)
    found = pd.concat([alone, against])
    rows = []
    for name, chance in (
        ("total_variation", "total_variation_by_chance"),
        ("published_variation", "published_variation_by_chance"),
        ("drawn_variation", "drawn_variation_by_chance"),
    ):
        ranges = found[found["statistic"] == chance].set_index("group")
        values = found[found["statistic"] == name].set_index("group")["estimate"].reindex(ranges.index)
        rows.append((f"{name} in its range by chance", values.between(ranges["low"] - 1e-12, ranges["high"] + 1e-12)))
    for name in ("share_correlation", "published_share_correlation", "drawn_share_correlation"):
        row = found[found["statistic"] == name]
        rows.append((f"{name} in its range by chance", row["estimate"].between(row["low"], row["high"])))
    for name in ("published_gap", "drawn_gap"):
        row = found[found["statistic"] == name]
        rows.append((f"{name} interval holds 0", (row["low"] <= 0) & (row["high"] >= 0)))
    rows += shares(country, file, replicates, draws)
    return pd.DataFrame([(name, int(ok.sum()), len(ok)) for name, ok in rows], columns=["promise", "held", "made"])


def shares(
    country: pd.DataFrame, file: pd.DataFrame, replicates: pd.DataFrame, draws: pd.DataFrame
) -> list[tuple[str, pd.Series]]:
    """Shares of draws against the file's (drawing error) and the country's (drawing and survey error)."""
    found = margins.tabulate(
        file,
        draws,
        population.weight_matrix(file, replicates),
        published.read_published(REFERENCE / "published_acs2018_1yr.csv.gz").head(0),
    )
    wide = found.pivot(
        index=["attribute", "category"], columns="source", values=["share", "standard_error", "n"]
    ).astype(float)
    n = wide["n", "draws"].groupby("attribute").transform("sum")
    adults = country[country["age_years"] >= population.ADULT_YEARS]
    weight = adults["weight_persons"].to_numpy()
    truth = {a: weight_of(published.category(adults, a), weight) for a in wide.index.unique("attribute")}
    truth = pd.Series({(a, c): truth[a].get(c, 0.0) for a, c in wide.index})
    of_file = wide["share", "census"]
    drawing = np.sqrt(of_file * (1 - of_file) / n)
    both = np.hypot(drawing, wide["standard_error", "census"])
    counts = (n * of_file >= fidelity.ENOUGH) & (of_file < 1)
    drawn = wide["share", "draws"].fillna(0)
    inside = {
        "share of draws - file, drawing error": (drawn - of_file).abs() <= 1.96 * drawing,
        "share of draws - country, drawing and survey error": (drawn - truth).abs() <= 1.96 * both,
        "(share of draws - country, drawing error alone)": (drawn - truth).abs() <= 1.96 * drawing,
    }
    return [(name, ok[counts]) for name, ok in inside.items()]


def weight_of(categories: pd.Series, weight: np.ndarray) -> pd.Series:
    """Each category's share of the weight of those who have one."""
    sums = pd.Series(weight, index=categories.index).groupby(categories).sum()
    return sums / sums.sum()


def coverage(n_worlds: int, n_draws: int) -> pd.DataFrame:
    """Coverage of every promise over the worlds, with its Monte-Carlo error (worlds as units)."""
    kinds = shipped()
    each = pd.concat([held(kinds, n_draws, seed).assign(world=seed) for seed in range(n_worlds)])
    rate = each.assign(rate=each["held"] / each["made"]).groupby("promise", sort=False)["rate"]
    return pd.DataFrame({"coverage": rate.mean(), "error": rate.std() / np.sqrt(n_worlds)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--draws", type=int, nargs="+", default=[150, 1586])
    arguments = parser.parse_args()
    for n_draws in arguments.draws:
        print(f"{n_draws} draws, {arguments.worlds} worlds")
        print((100 * coverage(arguments.worlds, n_draws)).round(1).to_string(), flush=True)

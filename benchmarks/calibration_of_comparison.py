"""How often is a file called different from the tables of its own survey? States are simulated, with known truth.

    python benchmarks/calibration_of_comparison.py --states 200
    python benchmarks/calibration_of_comparison.py --states 60 --first 10000      states that took no part in the choice
    python benchmarks/calibration_of_comparison.py --files FOLDER      official one-year files of 2018, one state each

A state has the shipped sample's kinds of households. Those with somebody of another race than white, born abroad or
of another tongue are up to fifty times rarer than there, and most of them live in one of four counties, whose
households are taken at an eighth of the highest rate (the survey's rates differ as much): some categories stand on few
households with large weights, as they do in small states. The survey takes 3,000 to 9,000 households, poor ones at
half the rate; its weights are fitted to the population of each county by sex and age. The public file is a random
35 to 70 % of it, fitted to the state's population alone. Both have 80 replicate weights by successive differences,
fitted likewise; the tables' margins of error are those of the survey's. File and tables are of one population, so a
file is called different by mistake: each attribute should be in 5 % of the states, and any attribute at all, after
Holm, in no more than 5 %. Beside the test of the library stands the one before it: one overlap for all attributes, and
a chi-square.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from coverage_of_fidelity import replicate_factors, shipped

from persona_lib.census import codebook, published, pums, records
from persona_lib.census.columns import REPLICATES
from persona_lib.estimating.association import rao_scott
from persona_lib.estimating.corrections import adjusted_p_values
from persona_lib.sampling import coding, official
from persona_lib.sampling.survey_error import Beside, compared, effective_number, rao_scott_f

REFERENCE = Path(__file__).parents[1] / "data" / "reference"
RARER = (0.02, 1.0)  # how much rarer than in the sample the other households are
RATES = np.array([1.0, 2.0, 4.0, 8.0])  # of sampling, in four counties of equal size
OTHERS_LIVE = np.array([0.7, 0.1, 0.1, 0.1])  # where the other households live


class Kinds:
    """The shipped sample's households as counts: persons of each category, and of each sex and age class."""

    def __init__(self) -> None:
        people = shipped().assign(state="Vermont")
        labels = {}
        for attribute, groups in published.GROUPS.items():
            if any(terms for _, terms in groups.values()):
                here = published.category(people, attribute).where(published.universe(people, attribute))
                labels[attribute] = here.where(here.isin([c for c, (_, terms) in groups.items() if terms]))
        self.coded = coding.code(pd.DataFrame(labels))
        home, names = pd.factorize(people["household_id"])
        self.counts = np.zeros((len(names), len(self.coded.labels)))
        np.add.at(self.counts, home, self.coded.indicators())
        ages = np.digitize(people["age_years"], [18, 35, 50, 65])
        classes = pd.factorize(people["sex"])[0] * 5 + ages
        self.classes = np.zeros((len(names), 10))
        np.add.at(self.classes, (home, classes), 1)
        weight = people.groupby("household_id", sort=False)["weight_persons"].mean().to_numpy()
        income = people.groupby("household_id", sort=False)["income_usd"].sum().to_numpy()
        self.chance = weight / weight.sum()
        self.is_poor = income < np.median(income)
        other = (
            (people["race"] != "White") | (people["nativity"] != "Native") | (people["english_ability"] == "Very well")
        )
        self.is_other = other.groupby(people["household_id"], sort=False).any().to_numpy()

    def shares(self, totals: np.ndarray) -> np.ndarray:
        """81 x categories from totals of the categories."""
        return self.coded.shares(totals.T)


def fitted(weights: np.ndarray, margins: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each column of weights times a linear factor, so that it meets the targets."""
    found = np.empty_like(weights)
    for k, column in enumerate(weights.T):
        gram = (margins * column[:, None]).T @ margins
        slopes = np.linalg.lstsq(gram, targets - margins.T @ column, rcond=None)[0]
        found[:, k] = column * (1 + margins @ slopes)
    return found


def state(kinds: Kinds, rng: np.random.Generator) -> tuple[Beside, np.ndarray, np.ndarray]:
    """File beside tables of one simulated state, the file's 81 shares, and the records asked for each category."""
    n, part = int(rng.integers(3_000, 9_000)), rng.uniform(0.35, 0.7)
    mine = kinds.chance * np.where(kinds.is_other, np.exp(rng.uniform(*np.log(RARER))), 1)
    lives = mine[:, None] / mine.sum() * np.where(kinds.is_other[:, None], OTHERS_LIVE, 1 / len(RATES))
    rate = np.where(kinds.is_poor[:, None], 0.5, 1.0) * RATES
    chosen = rng.choice(lives.size, size=n, p=(lives * rate).ravel() / (lives * rate).sum())
    homes, county = np.divmod(chosen, len(RATES))
    weight = 20 / rate.ravel()[chosen]
    scale = weight.sum()
    classes = kinds.classes[homes]
    by_county = np.hstack([classes * (county == k)[:, None] for k in range(len(RATES))])
    targets = (lives.T @ kinds.classes).ravel() * scale
    factors = np.hstack([np.ones((n, 1)), replicate_factors(n)])
    survey = fitted(weight[:, None] * factors, by_county, targets)
    public = np.sort(rng.permutation(n)[: int(part * n)])
    factors = np.hstack([np.ones((len(public), 1)), replicate_factors(len(public))])
    start = (weight[public] / part)[:, None] * factors
    file = fitted(start, classes[public], lives.sum(axis=1) @ kinds.classes * scale)
    totals = kinds.counts[homes].T @ survey
    signed = [(kinds.coded.owner == k) for k in range(kinds.coded.owner.max() + 1)]
    share = kinds.shares(totals)[0]
    spread = 4 / 80 * ((totals[:, 1:] - totals[:, :1]) ** 2).sum(axis=1)
    errors = np.empty(len(share))
    for here in signed:  # as `published.shares` makes them of published margins
        within = spread[here] - share[here] ** 2 * spread[here].sum()
        within = np.where(within >= 0, within, spread[here] + share[here] ** 2 * spread[here].sum())
        errors[here] = np.sqrt(within) / totals[here, 0].sum()
        if here.sum() == 2:
            errors[here] = errors[here].min()
    counts = kinds.counts[homes[public]]
    asked = kinds.coded.asked(counts.sum(axis=0))
    shares = kinds.shares(counts.T @ file)
    inside = counts - shares[0] * kinds.coded.asked(counts)
    freedom = effective_number((inside * file[:, :1]) ** 2)
    return compared(kinds.coded, shares, share, errors, asked, freedom), shares, asked


def p_values(both: Beside, shares: np.ndarray, asked: np.ndarray) -> pd.DataFrame:
    """Of each attribute that is tested: p by the library's test, and by the one before it."""
    found = []
    deviations = np.sqrt(4 / 80 * (1 - both.overlap)) * (shares[1:] - shares[0]).T
    for attribute, here in both.attributes():
        if attribute in both.untested or not (both.published[here] > 0).all():
            continue
        n = int(asked[here][0])
        before = rao_scott(both.file[here], both.published[here], deviations[here] @ deviations[here].T, n=n)
        now = rao_scott_f(both, here, both.file[here], n=n)
        found.append({"attribute": attribute, "now": now["p"], "before": before["p"]})
    return pd.DataFrame(found)


def official_files(folder: Path):
    """File beside published tables of each official state file in a folder, as `state` gives them."""
    totals = published.read_published(REFERENCE / "published_acs2018_1yr.csv.gz")
    labels = codebook.read_dictionary(REFERENCE / "pums_labels.csv.gz")
    for path in sorted(folder.glob("csv_p??.zip")):
        persons, homes = pums.read_files(path)
        census = pd.concat(
            records.describe_parts(persons, households=homes, dictionary=labels, most_unlabelled=0.01),
            ignore_index=True,
        )
        weights = persons.assign(person_id=records.person_id(persons)).set_index("person_id").loc[census["person_id"]]
        matrix = weights[["PWGTP", *REPLICATES]].to_numpy(dtype="float64")
        both = official.beside(census, totals, matrix)
        assert both is not None, f"{path.name}: no published tables"
        shares = np.stack([both.coded.shares(both.coded.tally(weights=column)) for column in matrix.T])
        yield path.name, both, shares, both.coded.asked(both.coded.tally())


def summary(p: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Share of attributes and of states (by Holm, any attribute) that are called different, before and now."""
    rows = []
    for name in ("before", "now"):
        holm = p.groupby("state")[name].transform(lambda one: adjusted_p_values(one, method="holm"))
        by_state = (holm < 0.05).groupby(p["state"]).any()
        each = (p[name] < 0.05).groupby(p["state"]).mean()
        error = np.sqrt(by_state.mean() * (1 - by_state.mean()) / len(by_state))
        rows.append(
            {
                "test": name,
                f"attributes called different, % ({len(p):,})": 100 * (p[name] < 0.05).mean(),
                "+-": 100 * each.std() / np.sqrt(len(each)),
                f"{unit} called different after Holm, % ({len(by_state)})": 100 * by_state.mean(),
                "+- ": 100 * error,
            }
        )
    return pd.DataFrame(rows).set_index("test").round(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=200)
    parser.add_argument(
        "--first", type=int, default=0, help="seed of the first state; the test was chosen with seeds from 0 on"
    )
    parser.add_argument("--files", type=Path, help="a folder of official person files of 2018, one state each")
    arguments = parser.parse_args()
    if arguments.files:
        parts = [p_values(*rest).assign(state=name) for name, *rest in official_files(arguments.files)]
    else:
        kinds = Kinds()
        parts = [
            p_values(*state(kinds, np.random.default_rng(seed))).assign(state=seed)
            for seed in range(arguments.first, arguments.first + arguments.states)
        ]
    table = pd.concat(parts)
    print(summary(table, "files" if arguments.files else "simulated states").T.to_string())
    rates = table.groupby("attribute")[["before", "now"]].agg(lambda p: 100 * (p < 0.05).mean()).round(1)
    print(rates.to_string())
    for name in ("before", "now"):
        holm = table.groupby("state")[name].transform(lambda one: adjusted_p_values(one, method="holm"))
        if arguments.files:
            named = table.loc[holm < 0.05, ["state", "attribute", name]]
            print(f"{name}: {', '.join(' '.join(map(str, row)) for row in named.itertuples(index=False)) or 'none'}")

"""Files of a few records or without a column: what notebooks 01 to 03 call runs, or stops with one clear line."""

from pathlib import Path

import pandas as pd
import pytest
from pums_rows import ADULT, CHILD, LABELS, WIFE, described, read_labels, text_of
from small_personas import complete

from persona_lib.census import notices, pums
from persona_lib.census.columns import OPTIONAL
from persona_lib.sampling import coding, discriminator, fidelity, joint, margins, official, population
from persona_lib.stages.personas import check_consistency, write_fields
from persona_lib.synthesis.personas import accept, apply_rules, check_observed
from persona_lib.tables import schema

SAMPLE = Path(__file__).parents[2] / "data" / "reference" / "census_sample.csv.gz"
WHO = {"SERIALNO", "SPORDER", "PWGTP", "AGEP", "SEX"}


def census_of(path: Path) -> pd.DataFrame:
    persons, homes = pums.read_files(path)
    assert isinstance(notices.notices(persons), list)
    return schema.check(described(persons, households=homes, dictionary=read_labels(LABELS)), "census")


def everything(people: pd.DataFrame, totals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Draws, margins and fidelity as notebook 02 makes them, with few redraws."""
    base, draws = population.frame(people), population.draw(people, n_draws=30, seed=1)
    weights = population.weight_matrix(people, pd.DataFrame())
    found = [
        fidelity.against_source(base, draws, seed=1, n_redraws=20),
        joint.against_source(base, draws, seed=1, n_redraws=3),
        discriminator.against_source(base, draws, seed=1),
        official.against_published(people, base, draws, weights, totals, seed=1, n_redraws=20),
    ]
    shares = schema.check(margins.tabulate(people, draws, weights, totals), "margins")
    return draws, shares, schema.check(pd.concat(found), "fidelity")


@pytest.fixture
def home(tmp_path):
    """A file of one household, columns taken away at will."""

    def write(*lacking: str) -> Path:
        rows = [{c: v for c, v in row.items() if c not in lacking} for row in (ADULT, WIFE, CHILD)]
        (tmp_path / "psam_p44.csv").write_text(text_of(rows), "utf-8")
        return tmp_path / "psam_p44.csv"

    return write


def test_a_thousand_rows(tmp_path, totals):
    rows = pd.read_csv(SAMPLE, dtype=str, keep_default_na=False, nrows=1_000)
    rows.to_csv(tmp_path / "small.csv", index=False)
    people = census_of(tmp_path / "small.csv")
    draws, shares, _ = everything(people, totals)
    assert len(people) == 1_000 and len(draws) == 30
    assert set(shares["source"]) >= {"census", "draws", "labels"}
    made = apply_rules(complete(draws, people))
    written = write_fields(made, ask=None)
    personas, _, origins = accept(written, check_consistency(written, ask=None), n=5, n_train=3, seed=1)
    assert len(check_observed(personas, people)) == 5 and set(origins["persona_id"]) == set(personas["persona_id"])


def test_one_household(home, totals):
    """Two adults: nothing to tell apart in most attributes, and no test where the file has no replicate weights."""
    people = census_of(home())
    draws, shares, found = everything(people, totals)
    assert len(people) == 3 and set(draws["person_id"]) == set(people["person_id"].iloc[:2])
    sexes = shares[(shares["attribute"] == "sex") & (shares["source"] == "census")]
    assert sexes["share"].tolist() == [0.5, 0.5]
    gap = found[(found["statistic"] == "propensity_ratio")]["estimate"]
    assert len(gap) == 1


def test_personas_of_one_household_that_cannot_be_split_stop_with_one_line(home):
    people = census_of(home())
    draws = population.draw(people.head(1), n_draws=12, seed=1)
    written = write_fields(apply_rules(complete(draws, people)), ask=None)
    with pytest.raises(ValueError, match="n_train|consistent") as error:
        accept(written, check_consistency(written, ask=None), n=4, n_train=3, seed=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("column", [c for c in OPTIONAL if c in ADULT])
def test_without_an_optional_column(home, column):
    """What hangs on the column is unknown, and every attribute can still be counted."""
    people = census_of(home(column))
    coded = coding.code(fidelity.categories(people))
    assert (coded.tally(weights=people["weight_persons"].to_numpy(dtype="float64")) > 0).all()
    draws = pd.DataFrame({"draw": [0, 1], "person_id": people["person_id"].iloc[:2]})
    assert len(complete(draws, people)) == 2


def test_without_any_optional_column_but_the_relationship(home, totals):
    lacking = [c for c in ADULT if c not in WHO | {"RELP"}]
    people = census_of(home(*lacking))
    _, shares, found = everything(people, totals)
    assert set(people["state"]) == {"unknown"} and set(shares["source"]) == {"census", "draws", "labels"}
    assert "no published totals" in found.loc[found["statistic"] == "published_share_correlation", "method"].iloc[0]

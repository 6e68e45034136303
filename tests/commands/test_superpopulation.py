"""The superpopulation: persons are drawn anew as the run drew its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import SETTINGS

from persona_lib.commands import inputs
from persona_lib.commands.superpopulation import superpopulation
from persona_lib.sampling import population
from persona_lib.simulator import respondents
from persona_lib.simulator.truth import spoken
from persona_lib.tables.schema import attributes

EXPECTED, REFERENCE = "data/expected/demo", "data/reference"
LISTS = {"quirks": "quirks", "mannerisms": "mannerisms", "lifestyles": "lifestyle", "core_values": "core_values"}
LISTS |= {"personal_time": "personal_time"}


@pytest.fixture(scope="module")
def read() -> dict[str, pd.DataFrame]:
    files = {name: f"{EXPECTED}/{name}.parquet" for name in ("census", "prompts", "pool_items", "pool_answers")}
    files |= {"chain": f"{REFERENCE}/chain_coefficients.csv", "norms": f"{REFERENCE}/big_five_norms.csv"}
    files |= {name: f"{REFERENCE}/traits_{file}.csv" for name, file in LISTS.items()}
    return inputs.read_tables([f"{name}={path}" for name, path in files.items()])


def test_persons_are_drawn_anew_as_the_run_drew_its_own(read):
    """Oracles: the census' weighted mean age and shares, all kept prompts, the run's own draws."""
    could = superpopulation(read, SETTINGS, told=spoken)
    lines = pd.DataFrame([dict(respondents.parse_description(text)) for text in could["persons"]["description"]])
    assert list(lines) == attributes()["attribute"].tolist() and 1000 < len(lines) <= 1200
    adults = population.eligible(read["census"])
    age = np.average(adults["age_years"], weights=adults["weight_persons"])
    assert abs(lines["age_years"].astype(float).mean() - age) < 4 * 18 / np.sqrt(len(lines)) + 1
    own = population.draw(read["census"], n_draws=150, seed=SETTINGS["seed"])
    drawn = population.draw(read["census"], n_draws=150, seed=SETTINGS["seed"] + 1)
    assert not own["person_id"].equals(drawn["person_id"])
    assert set(could["prompts"]["prompt_id"]) == set(read["prompts"].query("is_kept")["prompt_id"])
    assert (
        could["ablation"]["attribute"].nunique() == 34 and (could["ablation"].groupby("attribute").size() == 200).all()
    )
    assert (could["ablation"]["shown_attributes"].str.count(r"\|") == 1).all()
    assert lines["personal_time"].nunique() > 700

"""Margins. Oracles: hand counts, published ACS totals, official PUMS files."""

import numpy as np
import pandas as pd
import pytest
from pums_rows import few

from persona_lib.sampling import margins as made
from persona_lib.sampling import population
from persona_lib.sampling.population import weight_matrix
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError


def test_labels_are_shares_of_all_who_may_be_drawn(sample, totals):
    """By hand: four adults of weight 1 to 4, the first and the last drawn; a label that nobody drawn has is out."""
    four = few(sample).assign(weight_persons=[1, 2, 3, 4], ancestry=["Irish", "Czech", "Irish", "Greek"])
    four["fertility"] = ["No", "not in universe", "not in universe", "not in universe"]
    draws = pd.DataFrame({"draw": [0, 1], "person_id": four["person_id"].iloc[[0, 3]].tolist()})
    found = made.tabulate(four, draws, weight_matrix(four, sample[1].head(0)), totals.head(0))
    labels = found[found["source"] == "labels"].set_index(["attribute", "category"])["share"]
    assert labels["ancestry"].to_dict() == pytest.approx({"Greek": 0.4, "Irish": 0.4})
    assert labels["fertility"].to_dict() == pytest.approx({"No": 0.1, "not in universe": 0.9})
    assert set(labels.index.unique("attribute")) == set(schema.attributes().query("origin == 'observed'")["attribute"])


def test_adults_are_not_called_15_to_19(sample, totals):
    """The band of the published table holds minors, that of the draws none of them: their names differ."""
    census, replicates = sample
    young = census[census["age_years"].between(15, 19)].head(60)
    draws = population.draw(young, n_draws=20, seed=7)
    for adults_only, name in ((True, "18 to 19"), (False, "15 to 19")):
        drawn = draws[draws["person_id"].isin(young.loc[young["age_years"] >= 18, "person_id"])]
        found = made.tabulate(young, drawn, weight_matrix(young, replicates.head(0)), totals, adults_only=adults_only)
        ages = found[found["attribute"] == "age_years"].set_index("source")["category"]
        assert set(ages[["census", "draws", "labels"]]) == {name}


def test_margins_of_the_sample_sum_to_one(sample, totals):
    census, replicates = sample
    draws = population.draw(census, n_draws=400, seed=7)
    margins = schema.check(made.tabulate(census, draws, weight_matrix(census, replicates), totals), "margins")
    sums = margins.groupby(["source", "attribute"])["share"].sum()
    assert np.allclose(sums.drop("labels"), 1) and sums["labels"].between(0, 1 + 1e-9).all()


def test_without_replicates_there_is_no_standard_error(sample, totals):
    census, replicates = sample
    draws = population.draw(census, n_draws=50, seed=7)
    margins = made.tabulate(census, draws, weight_matrix(census, replicates.head(0)), totals)
    assert margins.loc[margins["source"] == "census", "standard_error"].isna().all()
    with pytest.raises(SchemaError, match="has no row; give files of one kind"):
        made.tabulate(census, draws, weight_matrix(census, replicates.iloc[1:]), totals)


def test_a_draw_of_somebody_else_stops(sample, totals):
    draws = pd.DataFrame({"draw": [0], "person_id": ["2018-nobody-01"]})
    with pytest.raises(SchemaError, match="a person_id is not in the census"):
        made.tabulate(sample[0], draws, weight_matrix(*sample), totals)

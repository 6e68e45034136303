"""Pairs and triples of attributes in draws. Oracles: plain cross-tables, pandas, a torn mixture."""

import numpy as np
import pandas as pd
import pytest
from draws import value

from persona_lib.estimating import association
from persona_lib.sampling import fidelity, joint, population
from persona_lib.tables import schema
from persona_lib.tables.schema import NOT_IN_UNIVERSE


@pytest.fixture(scope="module")
def found(base, draws) -> pd.DataFrame:
    return joint.against_source(base, draws, seed=1, n_redraws=40)


class TestJoint:
    def test_gap_of_v_by_plain_cross_tables(self, base, draws, found):
        weights = base.pool["weight_persons"].to_numpy(float)
        columns = joint.grouped(base.pool, weights).replace(NOT_IN_UNIVERSE, np.nan)
        rows = fidelity.locate(base, draws)
        for a, b in (("race", "education"), ("occupation", "ancestry")):
            table, n = association.cross_table(columns[a].iloc[rows], columns[b].iloc[rows], np.ones(len(rows)))
            truth, _ = association.cross_table(columns[a], columns[b], weights)
            gap = association.cramers_v(table) - association.cramers_v(truth, n=1e12)
            row = value(found, "cramers_v_gap", f"{a}|{b}")
            assert row["estimate"] == pytest.approx(gap, abs=1e-6) and row["n"] == n

    def test_k_marginal_by_pandas(self, base, draws, found):
        weights = base.pool["weight_persons"].to_numpy(float)
        columns = joint.grouped(base.pool, weights)
        sample, gaps = columns.iloc[fidelity.locate(base, draws)], []
        for place, a in enumerate(columns):
            for b in columns.columns[place + 1 :]:
                ours = sample.groupby([a, b]).size() / len(sample)
                theirs = pd.Series(weights).groupby([columns[a], columns[b]]).sum() / weights.sum()
                gaps.append(ours.sub(theirs, fill_value=0).abs().sum() / 2)
        assert value(found, "k_marginal_2")["estimate"] == pytest.approx(1000 * (1 - np.mean(gaps)))

    def test_a_faithful_draw_is_inside_its_range(self, found):
        schema.check(found, "fidelity")
        pairs = found[found["statistic"] == "cramers_v_gap"].dropna(subset="estimate")
        outside = (pairs["estimate"] < pairs["low"]) | (pairs["estimate"] > pairs["high"])
        assert len(pairs) > 250 and outside.mean() < 0.2
        assert found["method"].str.endswith("no more than chance").sum() == 3

    def test_a_torn_mixture_is_found_out_though_every_share_is_right(self, base, draws):
        """Eight attributes are each shuffled over the pool: its shares stay, the pairs do not."""
        rng = np.random.default_rng(3)
        torn = base.pool.copy()
        shuffled = ["age_years", "race", "education", "marital_status", "employment_status", "occupation", "industry"]
        for column in (*shuffled, "household_type"):
            torn[column] = rng.permutation(torn[column].to_numpy())
        torn["person_id"] = torn["person_id"] + "t"
        both = pd.concat([base.pool, torn.assign(weight_persons=1)])
        frame = population.frame(both)
        sample = draws.assign(person_id=torn["person_id"].iloc[fidelity.locate(base, draws)].to_numpy())
        found = joint.against_source(frame, sample, seed=1, n_redraws=40)
        for name in ("cramers_v_mean_gap", "k_marginal_2", "k_marginal_3"):
            assert value(found, name)["method"].endswith("differs by more than chance")

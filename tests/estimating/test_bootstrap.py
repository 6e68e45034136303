"""Bootstraps of whole clusters. Oracles: loops over the drawn clusters, clustered errors, identities."""

import numpy as np
import pytest
from crossed_rows import crossed

from persona_lib.estimating import bootstrap, resample


@pytest.fixture
def table():
    return crossed(np.random.default_rng(5))


def test_bootstrap_sums_equal_a_loop_over_drawn_clusters(table):
    drawn = bootstrap.bootstrap_sums(
        table, features=["passed"], clusters=["persona_id", "item_id"], n_bootstrap=3, rng=np.random.default_rng(2)
    )
    rng = np.random.default_rng(2)
    personas = bootstrap.multiplicities(12, n_bootstrap=3, rng=rng)
    items = bootstrap.multiplicities(9, n_bootstrap=3, rng=rng)
    grid = table["passed"].to_numpy(float).reshape(12, 9)
    assert drawn[:, 0].tolist() == [float(personas[b] @ grid @ items[b]) for b in range(3)]


def test_bootstrap_chunks_do_not_change_the_numbers(table, monkeypatch):
    settings = {"features": ["passed"], "clusters": ["persona_id"], "n_bootstrap": 50}
    whole = bootstrap.bootstrap_sums(table, **settings, rng=np.random.default_rng(3))
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 200)
    parts = bootstrap.bootstrap_sums(table, **settings, rng=np.random.default_rng(3))
    assert np.array_equal(whole, parts)


def test_bootstrap_of_one_factor_has_the_clustered_error(table):
    sums = bootstrap.bootstrap_sums(
        table.assign(n=1),
        features=["passed", "n"],
        clusters=["persona_id"],
        n_bootstrap=4000,
        rng=np.random.default_rng(4),
    )
    ours = resample.clustered_mean(table, value="passed", clusters=["persona_id"]).standard_error
    assert (sums[:, 0] / sums[:, 1]).std() == pytest.approx(ours * np.sqrt(11 / 12), rel=0.05)

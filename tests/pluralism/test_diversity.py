"""Flattening and caricature. Oracles: plain loops over pairs of personas, and hand counts."""

import itertools

import numpy as np
import pytest
from panel_rows import M, N, drawn, of

from persona_lib.pluralism import diversity


def test_flattening_and_caricature_by_loops():
    x, y = drawn()
    one = np.arange(N) < 4

    def differ(grid, inside):
        members = np.flatnonzero(inside)
        return np.mean([grid[p, i] != grid[q, i] for p, q in itertools.permutations(members, 2) for i in range(M)])

    wanted = np.mean([differ(y, group) - differ(x, group) for group in (one, ~one)])
    assert of(diversity.flattening(x, y, [one, ~one])) == pytest.approx(wanted)

    def apart(grid):
        across = [grid[p, i] != grid[q, i] for p in range(4) for q in range(4, N) for i in range(M)]
        return np.mean(across) - (differ(grid, one) + differ(grid, ~one)) / 2

    assert of(diversity.caricature(x, y, [one, ~one])) == pytest.approx(apart(x) - apart(y))


def test_a_stereotype_is_flat_and_exaggerated():
    """The raters' groups choose b in a half; a model gives one group all b, the other all a."""
    y = np.tile([[0.0], [1.0]], (N // 2, M))
    one = np.arange(N) < 4
    x = np.repeat(one[:, None], M, axis=1).astype(float)
    assert of(diversity.flattening(x, y, [one, ~one])) == pytest.approx(2 / 3)  # 4 of 6 pairs differ
    assert of(diversity.caricature(x, y, [one, ~one])) == pytest.approx(1 - (1 / 2 - 2 / 3))  # differ across, within

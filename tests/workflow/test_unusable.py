"""Roles that say nothing usable: every notebook goes on with fewer or none, and none calls a result what is none."""

import re

import matplotlib
import pytest
from whole_runs import ROLES, run_all

KINDS = ("refused", "cut_off", "unparsed", "not_taken")
ALWAYS = (*KINDS, "constant")  # constant: the first answer, no revision, everybody


@pytest.fixture
def whole_run(tmp_path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    return lambda unusable: run_all(tmp_path, unusable)


def test_where_only_answers_come(whole_run):
    """No critique, choice or verdict can be used: the notebooks that rest on them say so, in words and with counts."""
    said = whole_run(dict(zip(("critic", "judge", "panel", "raters", "examiner"), (*KINDS, "unparsed"), strict=True)))
    assert "of which 0 went through all three steps" in said["feedback"] and "0 rows" in said["feedback"]
    assert "Of 2 pairs wanted 0 could be judged" in said["validation"]
    counts = {"agreement": r"n = 0, 4 left out", "benchmark": r"n = 0, 2 left out", "pluralism": r"n = 0, 6 left out"}
    for rule, count in counts.items():
        assert f"an undefined value ({count})" in said[rule], rule
    assert "says nothing about it" in said["pluralism"] and "13 figures" in said["figures"]
    assert not re.search(r"\bnan\b", " ".join(said.values()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALWAYS)
@pytest.mark.parametrize("role", ROLES)
def test_any_one_role(whole_run, role, kind):
    said = whole_run({role: kind})
    assert "claims" in said and not re.search(r"\bnan\b", " ".join(said.values()))

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
    assert "0 of them went through all three steps" in said["feedback"] and "0 pairs can be trained" in said["feedback"]
    assert "Of 2 pairs wanted, 0 could be judged" in said["validation"]
    for rule, usable in {"agreement": "0 of 4", "benchmark": "0 of 2", "pluralism": "0 of 6"}.items():
        assert f"undefined ({usable} usable)" in said[rule], rule
    assert "says nothing about it" in said["pluralism"] and "13 figures" in said["figures"]
    assert not re.search(r"\bnan\b", " ".join(said.values()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALWAYS)
@pytest.mark.parametrize("role", ROLES)
def test_any_one_role(whole_run, role, kind):
    said = whole_run({role: kind})
    assert "claims" in said and not re.search(r"\bnan\b", " ".join(said.values()))

"""The page on another run: its numbers, and where its verdicts differ. Oracle: tables changed by hand."""

import shutil

import pandas as pd
import pytest
import yaml
from site_rows import DEMO, HOSTILE, ROOT, Read, demo

from persona_lib.site import other_runs
from persona_lib.site.results import committed_others


@pytest.fixture
def other(tmp_path):
    """The demo's results as those of a run `big`, in which one claim fell, one is new, and one text is hostile."""
    tables = tmp_path / "data/expected/big"
    tables.mkdir(parents=True)
    claims = demo()["claims"]
    claims.loc[0, ["verdict", "claim"]] = "differs", HOSTILE
    claims.loc[1, "claim_id"] = "c99_new"
    claims.to_parquet(tables / "claims.parquet")
    for name in ("plan", "figures"):
        shutil.copyfile(DEMO / f"{name}.parquet", tables / f"{name}.parquet")
    shutil.copytree(ROOT / "figures/expected/demo", tmp_path / "figures/expected/big")
    sizes = {"personas": {"n": 1586}, "prompts": {"n": 3868}, "benchmark": {"n_items": 700}}
    (tables / "stamp.yaml").write_text(
        yaml.safe_dump({"configuration": {"run": "big", "mode": "simulate", **sizes}}), "utf-8"
    )
    return tmp_path


def test_a_verdict_that_moved_is_told_and_no_other(other):
    [big] = committed_others(other, shown="demo")
    moved = other_runs.moved_verdicts(demo()["claims"], big.table("claims"))
    before = demo()["claims"].iloc[0]
    assert moved["claim_id"].tolist() == [before["claim_id"]]
    assert moved.loc[0, ["verdict_shown", "verdict_other"]].tolist() == [before["verdict"], "differs"]


def test_the_page_tells_sizes_and_escapes(other, tmp_path):
    [big] = committed_others(other, shown="demo")
    html = other_runs.run_page(big, shown="demo", claims=demo()["claims"])
    page = Read(html)
    calls = pd.read_parquet(DEMO / "plan.parquet")["calls_expected"].sum()
    assert "1,586 personas, 3,868 prompts, 700 items of the benchmark" in page.text and f"{calls:,}" in page.text
    assert "Simulated respondents" in page.text and "script" not in page.tags
    other_runs.copy_figures(big, tmp_path / "extra")
    pictures = [value for name, value in page.attributes if name == "src"]
    assert pictures and all((tmp_path / "extra" / picture).is_file() for picture in pictures)


def test_no_difference_is_said_so(other):
    [big] = committed_others(other, shown="demo")
    html = other_runs.run_page(big, shown="demo", claims=big.table("claims"))
    assert "the two runs come to the same verdict on every claim" in html


def test_sizes_that_the_shown_run_sets_smaller_are_counted_and_not_listed(other):
    [big] = committed_others(other, shown="demo")
    claims = big.table("claims")
    sizes = claims["verdict"].eq("not at this scale") & claims["claim_id"].ne("c99_new")
    claims.assign(verdict=claims["verdict"].mask(sizes, "holds")).to_parquet(big.tables / "claims.parquet")
    page = other_runs.run_page(big, shown="demo", claims=demo()["claims"])
    first = page.partition("All claims")[0]
    assert f"{sizes.sum()} claims are sizes that the run demo sets smaller" in first
    assert first.count("<tr>") == 1 + 1  # the head, and the claim that fell

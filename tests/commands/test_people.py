"""`persona people tables` on made-up rows in four public layouts and a conversation's votes."""

from pathlib import Path

import pandas as pd
import pytest

from persona_lib import cli

FILES = Path(__file__).parents[1] / "people/files"


@pytest.mark.parametrize(
    ("layout", "rest"),
    [
        ("gss", ["--year", "2022"]),
        ("cces", ["--year", "2020", "--items", "CC20_327a=1,2=for|against"]),
        ("anes", ["--year", "2016", "--items", "VCF0839=1,2,3,4,5,6,7"]),
        ("pew", ["--items", "OPTIMIST_W41=1,2"]),
    ],
)
def test_a_users_file_gives_its_two_tables(layout, rest, tmp_path, capsys):
    arguments = ["people", "tables", "--layout", layout, "--file", str(FILES / f"{layout}.csv"), "--out", str(tmp_path)]
    assert cli.main([*arguments, *rest]) == 0
    shares, statistics = (pd.read_csv(tmp_path / f"people_{name}.csv") for name in ("shares", "statistics"))
    assert not shares["n"].between(1, 9).any() and {"kappa_alike", "explained_share", "wasserstein"} <= set(
        statistics["statistic"]
    )
    assert "fewer than ten people are not shown" in capsys.readouterr().out
    if layout == "gss":
        assert "too little" in set(shares["answer"].astype(str))


def test_votes_of_a_conversation(tmp_path):
    assert (
        cli.main(["people", "tables", "--layout", "polis", "--file", str(FILES / "votes.csv"), "--out", str(tmp_path)])
        == 0
    )
    assert "groups_agree" in set(pd.read_csv(tmp_path / "people_statistics.csv")["statistic"])


@pytest.mark.parametrize("item", ["natspac", "natspac=1", "=1,2", "natspac=1,2=one", "a=1,2=x|y=z"])
def test_an_item_in_another_form_is_refused(item, tmp_path, capsys):
    file = str(FILES / "gss.csv")
    assert (
        cli.main(["people", "tables", "--layout", "gss", "--file", file, "--items", item, "--out", str(tmp_path)]) == 1
    )
    assert f"--items {item}: " in capsys.readouterr().err

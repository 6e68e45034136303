from pathlib import Path

import pandas as pd
import pytest

from persona_lib.people.polis import conversation_statistics, read_votes
from persona_lib.tables.schema import SchemaError

VOTES = Path(__file__).parent / "files" / "votes.csv"


def test_majorities_and_groups_by_hand():
    """Statement 0: 90 agree, 50 disagree, the second group's 40 of 50 against. 1: all agree. 2: 50 votes, too few."""
    votes, group = read_votes(VOTES)
    rows = pd.DataFrame(conversation_statistics(votes, group)).set_index(["statistic", "group"])
    assert rows.loc[("majority_share", "all"), "estimate"] == pytest.approx((90 / 140 + 1) / 2)
    assert rows.loc[("divisiveness", "all"), "estimate"] == pytest.approx(4 * (9 / 14) * (5 / 14) / 2)
    assert rows.loc[("group_majority", "group 0, 90 participants"), "estimate"] == 1
    assert rows.loc[("group_majority", "group 1, 50 participants"), "estimate"] == 0.5
    assert rows.loc[("groups_agree", "2 groups"), "estimate"] == 0.5
    assert rows.loc[("groups_agree", "2 groups"), ["n", "n_excluded"]].tolist() == [2, 1]


def test_another_file_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="no such file"):
        read_votes(tmp_path / "none.csv")
    with pytest.raises(SchemaError, match="column participant, group-id is missing"):
        read_votes(VOTES.with_name("gss.csv"))
    (tmp_path / "odd.csv").write_text("participant,group-id,0\n1,0,7\n", "utf-8")
    with pytest.raises(SchemaError, match="none of 1, -1, 0"):
        read_votes(tmp_path / "odd.csv")

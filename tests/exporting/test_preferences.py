"""Pairs as trainers read them. Oracles: the tables read again with pyarrow, hand counts, `datasets` (system)."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hostile import NASTY
from learning_rows import small_run, write_pairs

from persona_lib.exporting import preferences
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError

COUNTS = {
    "train": 47,
    "train_heldout_pair": 16,
    "train_heldout_prompt": 32,
    "heldout_persona_train": 24,
    "heldout_persona_heldout_pair": 8,
    "heldout_persona_heldout_prompt": 16,
}


@pytest.fixture
def run():
    """One train pair of a train persona was refused."""
    made = small_run()
    made.pairs.loc[0, ["status", "chosen_answer_id"]] = ["refused", ""]
    made.answers.loc[made.answers["kind"] == "revision", "text"] += NASTY
    return made


@pytest.fixture
def told(run, tmp_path, monkeypatch):
    monkeypatch.setattr(preferences, "N_ROWS", 50)
    return write_pairs(run, tmp_path / "dataset")


def read(folder, config):
    return pd.concat([pq.read_table(path).to_pandas() for path in sorted((folder / config).glob("*.parquet"))])


def test_splits_say_who_and_what_is_held_out(told):
    assert [each["config_name"] for each in told] == ["pairs", "conversations", "judgements"]
    for config in told[:2]:
        assert {s["name"]: s["num_examples"] for s in config["splits"]} == COUNTS
        assert config["splits"][0]["name"] == preferences.LEAK_FREE


def test_reading_again_gives_the_same_rows(told, run, tmp_path):
    found = read(tmp_path / "dataset", "pairs").set_index("pair_id").sort_index()
    ok = run.pairs[run.pairs["status"] == "ok"].set_index("pair_id").sort_index()
    text = run.answers.set_index("answer_id")["text"]
    assert found.index.tolist() == ok.index.tolist()
    assert found["chosen"].tolist() == text[ok["chosen_answer_id"]].tolist()
    assert found["rejected"].tolist() == text[ok["rejected_answer_id"]].tolist()
    assert found["persona_split"].tolist() == ok["persona_split"].tolist()
    judged = read(tmp_path / "dataset", "judgements")
    pd.testing.assert_frame_equal(schema.check(judged, "judgements"), run.judgements)


def test_conversations_are_the_pairs_as_messages(told, tmp_path):
    plain = read(tmp_path / "dataset", "pairs").set_index("pair_id")
    spoken = read(tmp_path / "dataset", "conversations").set_index("pair_id")
    row, same = spoken.loc["p0003.q0002"], plain.loc["p0003.q0002"]
    assert [m["role"] for m in row["prompt"]] == ["system", "user"]
    assert row["prompt"][0]["content"] == f"Age: 2\n{NASTY}" and row["prompt"][1]["content"] == same["prompt"]
    assert [dict(m) for m in row["chosen"]] == [{"role": "assistant", "content": same["chosen"]}]
    assert [dict(m) for m in row["rejected"]] == [{"role": "assistant", "content": same["rejected"]}]


def test_the_leak_free_split_shares_no_persona_and_no_pair_with_the_tests(told, tmp_path):
    rows = {p.stem: pq.read_table(p).to_pandas() for p in (tmp_path / "dataset/pairs").glob("*.parquet")}
    train = rows.pop(preferences.LEAK_FREE)
    for name, part in rows.items():
        assert not set(train["pair_id"]) & set(part["pair_id"])
        assert name.startswith("train_") or not set(train["persona_id"]) & set(part["persona_id"])


def test_no_row_group_is_larger_than_a_part(told, tmp_path):
    for path in (tmp_path / "dataset").rglob("*.parquet"):
        file = pq.ParquetFile(path)
        assert max(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)) <= 50


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: run.pairs.__setitem__("rejected_answer_id", "nothing"), "answer 'nothing'"),
        (lambda run: run.judgements.__setitem__("item_id", "nothing" + run.judgements["item_id"]), "pair 'nothing"),
    ],
)
def test_tables_of_two_runs_are_refused_and_leave_nothing(run, tmp_path, spoil, message):
    spoil(run)
    with pytest.raises(SchemaError, match=f"{message}.*tables of one run"):
        write_pairs(run, tmp_path / "dataset")
    assert not list((tmp_path / "dataset").glob("judgements/*"))


def test_a_prompt_that_is_not_there_is_refused(run, tmp_path):
    with pytest.raises(SchemaError, match="prompt 'q00.*is in no table"):
        write_pairs(run, tmp_path / "dataset", prompts=pd.DataFrame({"prompt_id": ["x"], "text": ["y"]}))

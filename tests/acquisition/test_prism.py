"""PRISM's files as prompt banks. The records are made by hand after its data card; none is PRISM's."""

import json
import sys
from types import SimpleNamespace

import pytest

from persona_lib.acquisition import prism
from persona_lib.stages.prompts import read_bank
from persona_lib.tables.schema import SchemaError

PROMPTS = ["Ça va, 世界? \u2028 Oui?", "one\ntwo\n\nthree?", "x" * 1_195, "hi", "hi"]


def conversation(n: int, text: str) -> dict:
    return {
        "conversation_id": f"c{n}",
        "user_id": f"user{n % 3}",
        "conversation_type": "values guided",
        "opening_prompt": text,
        "conversation_turns": 2,
        "conversation_history": [
            {"turn": 0, "role": "user", "content": text},
            {"turn": 0, "role": "model", "content": "An answer.", "score": 71, "if_chosen": True},
        ],
    }


def utterances(n: int, text: str) -> list[dict]:
    rows = [(0, text)] * 4 + [(1, "and then?")] * 2
    return [
        {
            "utterance_id": f"ut{n}.{i}",
            "interaction_id": f"int{n}.{turn}",
            "conversation_id": f"c{n}",
            "user_id": f"user{n % 3}",
            "turn": turn,
            "user_prompt": said,
            "model_response": "An answer.",
            "score": 50 + i,
            "if_chosen": i == 3,
        }
        for i, (turn, said) in enumerate(rows)
    ]


def written(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


CONVERSATIONS = [conversation(n, text) for n, text in enumerate(PROMPTS)]
UTTERANCES = [row for n, text in enumerate(PROMPTS) for row in utterances(n, text)]


def test_both_files_give_the_same_prompts(tmp_path):
    banks = [
        read_bank(written(tmp_path / "conversations.jsonl", CONVERSATIONS)),
        read_bank(written(tmp_path / "utterances.jsonl", UTTERANCES)),
    ]
    assert banks[0].equals(banks[1]) and banks[0]["text"].tolist() == PROMPTS


def test_the_whole_of_prism_has_8011_conversations(tmp_path):
    """Oracle: the data card's count; ids have four digits, in the order of the file."""
    path = written(tmp_path / "conversations.jsonl", (conversation(n, f"Is {n} prime?") for n in range(8_011)))
    bank = read_bank(path)
    assert len(bank) == 8_011 and bank["prompt_id"].iloc[-1] == "q8011" and bank["text"].iloc[-1] == "Is 8010 prime?"


def lacking(record: dict, field: str) -> dict:
    return {key: value for key, value in record.items() if key != field}


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([lacking(CONVERSATIONS[0], "opening_prompt")], "line 1 has no field opening_prompt"),
        ([CONVERSATIONS[0], lacking(CONVERSATIONS[1], "conversation_id")], "line 2 has no field conversation_id"),
        ([*CONVERSATIONS, CONVERSATIONS[1]], "line 6: conversation_id 'c1' stands in line 2 already"),
        ([CONVERSATIONS[0] | {"opening_prompt": 7}], "line 1: opening_prompt is 7, not a text"),
        ([CONVERSATIONS[0] | {"opening_prompt": " \n"}], "line 1 has no text"),
        ([lacking(UTTERANCES[0], "turn")], "line 1 has no field turn"),
        ([UTTERANCES[0] | {"turn": True}], "line 1: turn is True, not a whole number"),
        ([*UTTERANCES, UTTERANCES[0]], "line 31: utterance_id 'ut0.0' stands in line 1 already"),
        ([UTTERANCES[0], UTTERANCES[1] | {"user_prompt": "no"}], "line 2: user_prompt of turn 0 is not that of line 1"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_field(tmp_path, records, message):
    path = written(tmp_path / "prism.jsonl", records)
    with pytest.raises(SchemaError, match=message) as error:
        read_bank(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_bad_json_on_line_4001(tmp_path):
    lines = [json.dumps(conversation(n, f"Is {n} prime?")) for n in range(5_000)]
    lines[4_000] = lines[4_000][:50]
    (tmp_path / "conversations.jsonl").write_text("\n".join(lines))
    with pytest.raises(SchemaError, match="line 4001 is not JSON: Unterminated string"):
        read_bank(tmp_path / "conversations.jsonl")


class TestFetch:
    def test_what_the_client_has_can_be_read(self, tmp_path, monkeypatch):
        """Oracle: the records handed to a stand-in for the client."""
        asked = []

        def load_dataset(*names, **options):
            asked.append((names, options))
            return CONVERSATIONS

        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
        assert prism.fetch(tmp_path / "c.jsonl", revision="abc") == len(PROMPTS)
        assert asked == [((prism.DATASET, "conversations"), {"split": "train", "revision": "abc"})]
        assert read_bank(tmp_path / "c.jsonl")["text"].tolist() == PROMPTS

    def test_without_the_client_it_says_what_to_do(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "datasets", None)
        with pytest.raises(SchemaError, match="datasets is not installed: python -m pip install datasets, or give"):
            prism.fetch(tmp_path / "c.jsonl")

    def test_what_the_client_says_is_one_line(self, tmp_path, monkeypatch):
        def load_dataset(*_, **__):
            raise ConnectionError("no network")

        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
        with pytest.raises(SchemaError, match="did not get it: ConnectionError: no network"):
            prism.fetch(tmp_path / "c.jsonl")
        assert not list(tmp_path.iterdir())

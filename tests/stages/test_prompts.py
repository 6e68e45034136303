"""Prompts: the oracle is a hand count of small banks, or an identity (order, shards, splits)."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_lib.stages import prompts
from persona_lib.tables.schema import SchemaError, check

TOPICS = pd.DataFrame({"topic": ["Animals", "War, and peace"], "conversations": [10, 5]})
BANK = pd.DataFrame(
    {
        "prompt_id": ["q0001", "q0002", "q0003", "q0004", "q0005", "q0006"],
        "text": [
            "Is it wrong to eat animals?",
            "Tell me about the war in detail.",
            "Why is that?",
            "is it wrong to  eat ANIMALS?",
            "Should the war end without a treaty?",
            "What is the capital of Mongolia?",
        ],
    }
)


class FakeClassifier:
    """Controversial if the prompt says should or wrong; topic by one word; chosen prompts go wrong."""

    roles = {"classifier": "model"}
    simulated, by_batch = True, False

    def __init__(self, broken: dict | None = None) -> None:
        self.broken = broken or {}
        self.asked: list[dict] = []

    def __call__(self, requests: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for row in requests.itertuples():
            assert (row.endpoint, row.template, row.sample) == ("model", "classify_prompt", 0)
            self.asked.append(row.slots)
            prompt = row.slots["prompt"]
            status = self.broken.get(prompt, "ok")
            data = {
                "is_controversial": "wrong" in prompt or "Should" in prompt,
                "topic": "Animals" if "animals" in prompt else "War, and peace",
            }
            ok = status == "ok"
            rows.append(
                {"text": json.dumps(data) if ok else "", "data": data if ok else None, "status": status,
                 "detail": "", "request_hash": f"h{len(self.asked)}", "tokens_in": 1, "tokens_out": 1}
            )  # fmt: skip
        return pd.DataFrame(rows, index=requests.index)


def test_every_prompt_has_the_reason_counted_by_hand():
    ask = FakeClassifier()
    classified = prompts.classify(BANK, TOPICS, ask=ask)
    assert classified.reason.tolist() == [
        "",
        "no question mark",
        "fewer than five words",
        "duplicate",
        "",
        "not controversial",
    ]
    assert classified.topic.tolist() == ["Animals", "", "", "", "War, and peace", "War, and peace"]
    assert len(ask.asked) == 3, "only prompts that pass the cheap filters are asked"
    assert ask.asked[0]["topics"] == "Animals\nWar, and peace"
    assert classified.request_hash.tolist() == ["h1", "", "", "", "h2", "h3"]


@pytest.mark.parametrize("status", ["refused", "failed", "unparsed"])
def test_a_call_that_is_not_ok_is_no_verdict(status):
    ask = FakeClassifier({"Should the war end without a treaty?": status})
    row = prompts.classify(BANK, TOPICS, ask=ask).iloc[4]
    assert (row.reason, row.topic, row.request_hash) == ("not classified", "", "h2")
    assert pd.isna(row.is_controversial)


ALL = {"seed": 1, "prompts": {"n_classified": None}}


def test_a_smaller_number_is_classified_at_random_and_the_same_in_every_shard():
    screened = prompts.screen(BANK)
    left = screened.query("reason == ''")
    few = prompts.shorten(screened, n_classified=2, seed=1)
    assert (few["reason"] == "").sum() == 2 < len(left)
    assert (few["reason"] == prompts.NOT_ASKED).sum() == len(left) - 2
    assert prompts.shorten(screened, n_classified=None, seed=1) is screened
    others = {tuple(prompts.shorten(screened, n_classified=2, seed=seed)["reason"]) for seed in range(20)}
    assert len(others) > 1, "the same two for every seed"
    asked = []
    for shard in range(3):
        ask = FakeClassifier()
        settings = {"seed": 1, "prompts": {"n_classified": 2}}
        prompts.collect_prompts({"bank": BANK, "topics": TOPICS}, settings, shard=shard, of=3, ask=ask)
        asked += [slots["prompt"] for slots in ask.asked]
    assert sorted(asked) == sorted(few.query("reason == ''")["text"])
    whole = FakeClassifier()
    found = prompts.classify(BANK, TOPICS, ask=whole, n_classified=2, seed=1)
    assert sorted(slots["prompt"] for slots in whole.asked) == sorted(asked)
    assert (found["reason"] == prompts.NOT_ASKED).sum() == len(left) - 2


def test_a_shard_without_prompts_asks_nothing():
    ask = FakeClassifier()
    tables = {"bank": BANK.head(1), "topics": TOPICS}
    for shard in range(5):
        prompts.collect_prompts(tables, ALL, shard=shard, of=5, ask=ask)
    assert len(ask.asked) == 1


def test_selected_prompts_are_a_table_of_the_schema():
    classified = prompts.classify(BANK, TOPICS, ask=FakeClassifier())
    table = check(prompts.select(classified, n=2, n_train=1, seed=1), "prompts")
    assert table.is_kept.tolist() == [True, False, False, False, True, False]
    assert sorted(table.prompt_split[table.is_kept]) == ["heldout_prompt", "train"]
    assert (table.prompt_split[~table.is_kept] == "none").all()


def test_too_few_prompts_say_what_to_do():
    classified = prompts.classify(BANK, TOPICS, ask=FakeClassifier())
    with pytest.raises(SchemaError, match="2 prompts of 6 remain.*prompts.n = 3: lower prompts.n or enlarge the bank"):
        prompts.select(classified, n=3, n_train=1, seed=1)
    with pytest.raises(SchemaError, match="n_train"):
        prompts.select(classified, n=2, n_train=2, seed=1)


def test_too_few_prompts_lead_with_what_became_of_the_calls():
    """By hand: of three calls one was cut off, one names a topic that is not on the list, one is ok."""
    rows = [("q1", "", "ok"), ("q2", prompts.LOST, "cut_off"), ("q3", prompts.LOST, "ok"), ("q4", "duplicate", "")]
    classified = pd.DataFrame(rows, columns=["prompt_id", "reason", "status"]).assign(topic="a")
    said = "^of 3 calls to the classifier 1 ok, 1 cut off, 1 of no topic on the list; 1 prompts of 4 remain"
    with pytest.raises(SchemaError, match=f"{said}.*set another model as roles.classifier"):
        prompts.select(classified, n=2, n_train=1, seed=1)
    classified.loc[2, "reason"] = "not controversial"
    with pytest.raises(SchemaError, match="1 prompts of 4 remain.*lower prompts.n or enlarge the bank"):
        prompts.select(classified, n=2, n_train=1, seed=1)


def labelled(sizes: dict[str, int]) -> pd.DataFrame:
    topics = [topic for topic, size in sizes.items() for _ in range(size)]
    ids = [f"q{i:04d}" for i in range(1, len(topics) + 1)]
    return pd.DataFrame(
        {"prompt_id": ids, "text": ids, "topic": topics, "is_controversial": True, "reason": "", "request_hash": "h"}
    )


def test_topics_are_kept_evenly():
    kept = prompts.select(labelled({"a": 50, "b": 3, "c": 10}), n=21, n_train=14, seed=3).query("is_kept")
    assert kept.topic.value_counts().to_dict() in ({"a": 9, "b": 3, "c": 9}, {"a": 9, "c": 9, "b": 3})
    heldout = kept[kept.prompt_split == "heldout_prompt"].topic.value_counts().to_dict()
    assert heldout == {"a": 3, "b": 1, "c": 3}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.data())
def test_split_has_its_sizes_and_covers_every_topic_as_evenly_as_numbers_allow(sizes, data):
    classified = labelled({f"t{i}": size for i, size in enumerate(sizes)})
    if len(classified) < 2:
        return
    n = data.draw(st.integers(2, len(classified)))
    n_train = data.draw(st.integers(1, n - 1))
    table = prompts.select(classified, n=n, n_train=n_train, seed=data.draw(st.integers(0, 99)))
    kept = table[table.is_kept]
    assert len(kept) == n and (kept.prompt_split == "train").sum() == n_train
    per_topic = kept.topic.value_counts().reindex([f"t{i}" for i in range(len(sizes))], fill_value=0)
    for i, size in enumerate(sizes):
        assert per_topic[f"t{i}"] >= min(size, per_topic.max() - 1), "a smaller topic gave all it had"
    for topic, size in per_topic.items():
        share = size * (n - n_train) / n
        heldout = ((kept.topic == topic) & (kept.prompt_split == "heldout_prompt")).sum()
        assert share - 1 < heldout < share + 1


def test_selection_depends_on_seed_and_content_not_on_row_order():
    classified = labelled({"a": 30, "b": 30})
    first = prompts.select(classified, n=20, n_train=10, seed=5)
    turned = prompts.select(classified.iloc[::-1].reset_index(drop=True), n=20, n_train=10, seed=5)
    pd.testing.assert_frame_equal(check(first, "prompts"), check(turned, "prompts"))
    assert not first.is_kept.equals(prompts.select(classified, n=20, n_train=10, seed=6).is_kept)


@pytest.mark.parametrize("text", ["Is {this} {{topics}} fine?", "Is <b>it</b> </message> right?", "Are two\nlines ok?"])
def test_hostile_text_reaches_the_classifier_unchanged(text):
    ask = FakeClassifier()
    prompts.classify(pd.DataFrame({"prompt_id": ["q0001"], "text": [text + " please now"]}), TOPICS, ask=ask)
    assert ask.asked[0]["prompt"] == text + " please now"


def test_shards_ask_everything_once():
    bank = prompts.read_bank("data/prompts/bank.csv")
    topics = prompts.read_topics("data/reference/prism_topics.csv")
    parts = []
    for shard in range(3):
        ask = FakeClassifier()
        prompts.collect_prompts({"bank": bank, "topics": topics}, ALL, shard=shard, of=3, ask=ask)
        parts.append([slots["prompt"] for slots in ask.asked])
    together = sorted(prompt for part in parts for prompt in part)
    assert together == sorted(prompts.screen(bank).query("reason == ''").text)
    assert len(set(together)) == len(together) and all(parts)


def test_the_shipped_bank_and_topics():
    bank = prompts.read_bank("data/prompts/bank.csv")
    counts = prompts.screen(bank).reason.value_counts()
    assert len(bank) == 8011 and counts[""] >= 3868 and bank["prompt_id"].iloc[388] == "q0389"
    assert set(counts.index) == {"", "no question mark", "fewer than five words", "duplicate"}
    topics = prompts.read_topics("data/reference/prism_topics.csv")
    assert len(topics) == 22 and "Outliers" not in set(topics.topic)
    assert topics.iloc[0].tolist() == ["Managing Relationships", 816]


def test_prism_conversations_are_read(tmp_path: Path):
    path = tmp_path / "conversations.jsonl"
    lines = [{"conversation_id": "c1", "opening_prompt": "NA"}]
    lines += [{"conversation_id": "c2", "opening_prompt": "Ça va?\u2028Oui?", "x": 1}]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    bank = prompts.read_bank(path)
    assert bank.to_dict("list") == {"prompt_id": ["q0001", "q0002"], "text": ["NA", "Ça va?\u2028Oui?"]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bank.txt", b"x", "a prompt bank is a .csv with a column text"),
        ("none.csv", None, "no such file"),
        ("bank.csv", b"", "no column text; its columns are none"),
        ("bank.csv", b"prompt\nWhy?\n", "no column text; its columns are prompt"),
        ("bank.csv", b"text\n", "no prompts in it"),
        ("bank.csv", b"text,source\nWhy?,a\n ,b\n", "row ending in line 3 has no text"),
        ("bank.csv", b'text\n"Why?\n', "line 1: unexpected end of data"),
        ("bank.csv", b"text\nWhy \xff?\n", "not UTF-8 at byte"),
        ("c.jsonl", b'{"conversation_id": "c", "opening_prompt": "a"}\nnonsense\n', "line 2 is not JSON"),
        ("c.jsonl", b'{"text": "a"}\n', "line 1 has no field conversation_id"),
        ("c.jsonl", b"[1]\n", "line 1 is no JSON object"),
        (
            "c.jsonl",
            b'{"conversation_id": "c", "opening_prompt": null}\n',
            "line 1: opening_prompt is None, not a text",
        ),
    ],
)
def test_a_bad_bank_is_named_with_its_row(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SchemaError, match=message) as error:
        prompts.read_bank(path)
    assert name in str(error.value)

"""The browser's data: which pairs, what the list needs, what is read of one persona, and that no text is a tag."""

import json

import pandas as pd
import pytest
from site_rows import HOSTILE, demo, small

from persona_lib.site import browser
from persona_lib.tables.schema import SchemaError


@pytest.fixture(scope="module")
def tables():
    return small()


@pytest.fixture(scope="module")
def shown(tables):
    return browser.shown_pairs(tables["pairs"], tables["judgements"])


@pytest.fixture(scope="module")
def listed(tables, shown):
    return browser.index(tables["personas"], tables["prompts"], shown, n_pairs=len(shown))


def test_all_pairs_are_shown_where_there_is_room(tables, shown):
    assert sorted(shown["pair_id"]) == sorted(tables["pairs"]["pair_id"])


def judged(choices: dict[bool, str]) -> str:
    """What the browser says of one pair whose judge chose so in each order."""
    pairs = small(1)["pairs"].head(1)
    row = pairs.iloc[0]
    rows = [
        {
            "item_id": row["pair_id"],
            "rater_id": "j",
            "role": "judge",
            "persona_shown_id": row["persona_id"],
            "lines_shown": "all",
            "swapped": swapped,
            "chosen_answer_id": row[f"{choice}_answer_id"] if choice != "refused" else "",
            "status": "ok" if choice != "refused" else "refused",
        }
        for swapped, choice in choices.items()
    ]
    return browser.shown_pairs(pairs, pd.DataFrame(rows))["judged"].iloc[0]


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({False: "chosen", True: "chosen"}, browser.CONFIRMED),
        ({False: "rejected", True: "rejected"}, browser.CONTRADICTED),
        ({False: "chosen", True: "rejected"}, browser.SPLIT),
        ({False: "chosen", True: "refused"}, browser.CONFIRMED),
        ({False: "refused"}, browser.UNJUDGED),
    ],
)
def test_what_the_judge_says_of_a_pair(choices, said):
    assert judged(choices) == said


def test_of_a_large_run_each_persona_gives_the_same_number_and_judged_pairs_first():
    tables = demo()
    some = browser.shown_pairs(tables["pairs"], tables["judgements"], most=250)
    assert set(some.groupby("persona_id").size()) == {2} and some["persona_id"].nunique() == 100
    whole = browser.shown_pairs(tables["pairs"], tables["judgements"])
    n_judged = (whole["judged"] != browser.UNJUDGED).groupby(whole["persona_id"]).sum()
    kept = (some["judged"] != browser.UNJUDGED).groupby(some["persona_id"]).sum()
    assert (kept == n_judged.clip(upper=2)).all()


def test_the_index_says_of_each_persona_what_its_table_says(tables, listed):
    names = [name for name, _, _ in listed["fields"]]
    for persona_id, split, row in listed["personas"]:
        mine = tables["personas"].set_index("persona_id").loc[persona_id]
        said = {name: listed["values"][i][row[i]] for i, name in enumerate(names)}
        assert split == mine["persona_split"] and said["religion"] == mine["religion"]
        assert said["age_years"] == str(mine["age_years"]) and said["core_values"] == mine["core_values"]
        low, _, high = said["age_band"].partition(" to ")
        assert int(low) <= mine["age_years"] <= int(high)


def test_a_field_is_a_filter_where_it_has_few_values_and_more_than_one(listed):
    offered = {name for name, _, is_filter in listed["fields"] if is_filter}
    sizes = {name: len(values) for (name, _, _), values in zip(listed["fields"], listed["values"], strict=True)}
    assert offered == {name for name, n in sizes.items() if 1 < n <= browser.MOST_CHOICES}
    assert offered and {1} < set(sizes.values()), "some fields have one value, others more"


def test_texts_stand_in_the_order_of_the_index(tables, shown, listed):
    texts = browser.texts(shown, tables["answers"], tables["judgements"])
    text_of, seen = tables["answers"].set_index("answer_id")["text"], dict.fromkeys(texts, 0)
    for pair in listed["pairs"]:
        persona_id, prompt_id = listed["personas"][pair[0]][0], listed["prompts"][pair[1]][0]
        row = tables["pairs"].set_index("pair_id").loc[f"{persona_id}.{prompt_id}"]
        chosen, rejected, critique, judgements = texts[persona_id][seen[persona_id]]
        seen[persona_id] += 1
        assert chosen == text_of.get(row["chosen_answer_id"], "") and critique == row["critique"]
        assert rejected == text_of.get(row["rejected_answer_id"], "")
        assert len(judgements) == (tables["judgements"]["item_id"] == f"{persona_id}.{prompt_id}").sum()


def test_a_choice_is_told_with_the_order_in_which_the_answers_were_shown():
    """Oracle: the position that the judge named. Answer A, shown first, is the rejected one unless swapped."""
    tables = demo()
    shown = browser.shown_pairs(tables["pairs"], tables["judgements"])
    told = [row for texts in browser.texts(shown, tables["answers"], tables["judgements"]).values() for row in texts]
    told = pd.DataFrame([row for entry in told for row in entry[3]], columns=["role", "rater", *"slox"])
    told = told[told["x"].isin(["chosen", "rejected"])]
    n_first = (told["o"] == told["x"] + " first").sum()
    positions = tables["judgements"].loc[tables["judgements"]["status"] == "ok", "chosen_position"]
    assert n_first == (positions == "A").sum() > 0


def test_files_are_scripts_of_plain_ascii_that_hold_no_tag(tmp_path, monkeypatch, tables, shown, listed):
    monkeypatch.setattr(browser, "PER_FILE", 2)
    n_bytes = browser.write(tmp_path, listed, browser.texts(shown, tables["answers"], tables["judgements"]))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["0.js", "1.js", "index.js"], "three personas, two a file"
    assert n_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    said = {path.name: path.read_text("ascii") for path in tmp_path.iterdir()}
    assert not any("<" in text for text in said.values())
    lines = [line for file in files[:2] for line in said[file].splitlines()]
    assert [line.partition(" = ")[0] for line in lines] == [f"compendium.texts[{i}]" for i in range(3)]
    entry = json.loads(lines[0].partition(" = ")[2].rstrip(";"))[0]
    assert entry[0] == entry[1] == entry[2] == HOSTILE


def test_a_pair_of_nobody_is_named(tables, shown):
    with pytest.raises(SchemaError, match="pairs: persona_id p0001 stands in no row"):
        browser.index(tables["personas"].iloc[1:], tables["prompts"], shown, n_pairs=1)

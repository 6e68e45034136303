import json

import pandas as pd
import pytest
import yaml

from persona_lib.study.project import AGREE, LABELS, N_CHECKS, REFUSE, SHOWN, cost, panel_cells, plan_study, write_study
from persona_lib.tables.schema import SchemaError

PERSONAS = pd.DataFrame({"persona_id": ["p1", "p2", "p3"], "description": ["Age: 30", "Age: 40\n<b>", "Age: 50"]})
ITEMS = pd.DataFrame({"item_id": [f"item.q{k}" for k in range(5)], "prompt_id": [f"q{k}" for k in range(5)]})
ITEMS = ITEMS.assign(answer_a_id="baseline." + ITEMS["prompt_id"], answer_b_id="divergent." + ITEMS["prompt_id"])
CELLS = PERSONAS[["persona_id"]].merge(ITEMS[["item_id"]], how="cross")
CELLS = CELLS.assign(swapped=[k % 3 == 0 for k in range(len(CELLS))])
PROMPTS = {f"q{k}": f"Question {k}?" for k in range(5)}
ANSWERS = {f"{kind}.q{k}": f"{kind} {k}" for kind in ("baseline", "divergent") for k in range(5)}
REST = {"n_raters": 4, "contact": "nobody@example.org", "completion_code": "C1", "seed": 3}


def plan(n_items=4):
    return plan_study(ITEMS, CELLS, n_personas=2, n_items=n_items, seed=3)


def written(folder, **rest):
    write_study(folder, plan(), PERSONAS, PROMPTS, ANSWERS, **REST | rest)
    return folder


def test_each_persona_has_its_items_as_the_models_saw_them_and_two_checks():
    found = plan()
    assert list(found) == SHOWN and found["instance_id"].is_unique and found["persona_id"].nunique() == 2
    items, checks = found[found["check"] == ""], found[found["check"] != ""]
    as_models = CELLS.set_index(["persona_id", "item_id"])["swapped"]
    assert [as_models[row.persona_id, row.item_id] for row in items.itertuples()] == items["swapped"].tolist()
    assert (items.groupby("persona_id")["item_id"].nunique() == 4).all()
    assert (checks.groupby("persona_id").size() == N_CHECKS).all() and set(checks["check"]) == set(LABELS)


def test_the_project_shows_what_the_plan_says(tmp_path):
    folder = written(tmp_path / "study")
    for task, part in plan().groupby("task"):
        shown = {one["id"]: one for one in map(json.loads, (folder / task / "items.jsonl").read_text().splitlines())}
        assert set(shown) == set(part["instance_id"])
        for row in part[part["check"] == ""].itertuples():
            first, second = (row.answer_b_id, row.answer_a_id) if row.swapped else (row.answer_a_id, row.answer_b_id)
            assert (shown[row.instance_id]["answer_a"], shown[row.instance_id]["answer_b"]) == (
                ANSWERS[first],
                ANSWERS[second],
            )
        for row in part[part["check"] != ""].itertuples():
            assert row.check in shown[row.instance_id]["question"]
        config = yaml.safe_load((folder / task / "config.yaml").read_text())
        label_of = {field["key"]: field["label"] for field in config["instance_display"]["fields"]}
        assert [label_of["answer_a"], label_of["answer_b"]] == ["Answer A", "Answer B"] == list(LABELS)
        assert config["num_annotators_per_item"] == 4 and config["assignment_strategy"] == "random"
        consent = json.loads((folder / task / "consent.json").read_text())[0]
        assert consent["labels"] == [AGREE, REFUSE] and "nobody@example.org" in consent["description"]
    assert (folder / "requirements.txt").read_text().startswith("potato-annotation")


def test_a_folder_that_may_hold_answers_is_left_alone(tmp_path):
    written(tmp_path / "study")
    with pytest.raises(SchemaError, match="is not empty"):
        written(tmp_path / "study")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(SchemaError, match="9 items are wanted, but models judged only 5 as p"):
        plan(n_items=9)
    with pytest.raises(SchemaError, match="4 personas are wanted, but models judged as only 3"):
        plan_study(ITEMS, CELLS, n_personas=4, n_items=2, seed=3)
    with pytest.raises(SchemaError, match="has no text"):
        write_study(tmp_path / "s", plan(), PERSONAS, PROMPTS, {}, **REST)


def test_what_a_study_costs_by_hand():
    """8 raters of 12 pages: 22 minutes each at 9 an hour; then 5 + 2 x 12 minutes, a fee of a half and no tax."""
    found = cost(n_personas=2, n_raters=4, n_items=10, hourly=9.0)
    assert found["pay"] == pytest.approx(8 * 22 / 60 * 9)
    assert found["total"] == pytest.approx(found["pay"] * (1 + 0.333 * 1.2))
    told = {"hourly": 10, "fee": 0.5, "tax": 0, "minutes_page": 2, "minutes_start": 5}
    assert cost(n_personas=2, n_raters=4, n_items=10, **told)["total"] == pytest.approx(8 * 29 / 60 * 10 * 1.5)


def test_items_and_personas_are_those_that_every_model_judged():
    """The second model judged one persona only; parts of a description and repeats do not count."""
    rows = [("large", "p1", "i1", False), ("small", "p1", "i1", False), ("large", "p2", "i1", True)]
    table = pd.DataFrame(rows, columns=["rater_id", "persona_shown_id", "item_id", "swapped"])
    table = table.assign(role="panel", lines_shown="all", repeat=0)
    more = table.assign(rater_id="small", persona_shown_id="p2", repeat=1)
    found = panel_cells(pd.concat([table, more, table.assign(role="rater", rater_id="r", persona_shown_id="p3")]))
    assert found.to_dict("records") == [{"persona_id": "p1", "item_id": "i1", "swapped": False}]

"""The reader, on files as potato-annotation 2.12 writes them; nobody in them exists."""

import json

import pandas as pd
import pytest
from study.test_project import ITEMS, plan, written

from persona_lib import cli
from persona_lib.measuring.agreement import choices
from persona_lib.study.answers import read_study
from persona_lib.study.project import AGREE, CHOICE, CONSENT, LABELS, REASON, REFUSE
from persona_lib.tables.schema import SchemaError


def rater(folder, task, name, said, *, consent=AGREE):
    """A rater's file: page -> answer."""
    pages = {
        page: [[{"schema": REASON, "name": "text_box"}, "why"], [{"schema": CHOICE, "name": label}, label]]
        for page, label in said.items()
    }
    agreed = {CONSENT: {CONSENT: [[{"schema": CONSENT, "name": consent}, consent]]}}
    state = {"user_id": name, "instance_id_ordering": list(said), "instance_id_to_label_to_value": pages}
    place = folder / task / "annotation_output" / name
    place.mkdir(parents=True)
    (place / "user_state.json").write_text(json.dumps(state | {"phase_to_page_to_label_to_value": agreed}), "utf-8")


@pytest.fixture
def study(tmp_path):
    """The first task has one who always takes what stands first, one who stops at once, and one who does not agree."""
    folder = written(tmp_path / "study")
    part = plan().query("task == @first", local_dict={"first": plan()["task"].iloc[0]})
    task = part["task"].iloc[0]
    rater(folder, task, "a", dict.fromkeys(part["instance_id"], LABELS[0]))
    rater(folder, task, "b", {part["instance_id"].iloc[0]: LABELS[1]})
    rater(folder, task, "a0", {}, consent=REFUSE)
    return folder, part


def test_choices_become_judgements_by_content_and_nobody_is_left_out(study):
    folder, part = study
    judgements, raters, reasons = read_study(folder)
    first = judgements[judgements["rater_id"] == "person.1"].set_index("item_id")
    expected = {r.item_id: r.answer_b_id if r.swapped else r.answer_a_id for r in part.itertuples() if not r.check}
    assert first["chosen_answer_id"].to_dict() == expected and set(first["chosen_position"]) == {"A"}
    assert set(judgements["rater_kind"]) == {"person"} and set(judgements["rater_id"]) == {"person.1", "person.2"}
    assert judgements[judgements["rater_id"] == "person.2"]["status"].value_counts().to_dict() == {
        "cut_off": 3,
        "ok": 1,
    }
    told = raters.set_index("rater")
    told = told.loc[["person.1", "person.2", "refused.1"]]
    assert told["agreed"].tolist() == [True, True, False] and told["n_answered"].tolist() == [4, 1, 0]
    assert told["n_checks_failed"].tolist() == [1, 0, 0] and told["n_checks"].tolist() == [2, 0, 0]
    assert told.loc["person.1", "order"].split(" ") == part["instance_id"].tolist()
    assert (reasons["reason"] == "why").sum() == 5 and "user_id" not in reasons


def test_judgements_of_people_are_measured_as_others_are(study):
    judgements, _, _ = read_study(study[0])
    coded = choices(judgements, ITEMS.assign(prompt_id=""))
    assert coded.raters == ["person.1", "person.2"]


def test_faulty_files_are_named(study, tmp_path):
    folder, part = study
    rater(folder, part["task"].iloc[0], "d", {part["instance_id"].iloc[0]: "Answer C"})
    with pytest.raises(SchemaError, match="'Answer C' is neither Answer A nor Answer B"):
        read_study(folder)
    with pytest.raises(SchemaError, match="no study.csv"):
        read_study(tmp_path)
    (folder / part["task"].iloc[0] / "annotation_output/d/user_state.json").write_text("{}", "utf-8")
    with pytest.raises(SchemaError, match="not a rater's file"):
        read_study(folder)


def test_the_command_counts_what_it_keeps(study, tmp_path, capsys):
    assert cli.main(["people", "read-study", "--study", str(study[0]), "--out", str(tmp_path / "j.parquet")]) == 0
    said = capsys.readouterr().out
    assert "3 people, 5 choices" in said and "1 failed an attention check, 2 did not finish, 1 did not agree" in said
    assert len(pd.read_csv(tmp_path / "human_raters.csv")) == 3

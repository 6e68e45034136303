"""The dataset folder. Oracles: the tables themselves, hand counts, `datasets` (system)."""

import hashlib
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from hostile import NASTY
from learning_rows import small_run, write_pairs

from persona_lib.showing import export
from persona_lib.tables import schema
from persona_lib.tables.schema import SchemaError

CELLS = pd.DataFrame(
    {
        "survey": ["gss", "anes"],
        "field": ["political_views", "religion"],
        "by": "race_ethnicity",
        "level": "Black",
        "answer": ["Republican or leaning", "Catholic"],
        "n": 677,
        "share": [0.0857, 0.3],
        "before": [0.2574, 0.3],
        "now": [0.1176, 0.3],
        "allowed": 0.058,
        "holds_before": [False, True],
        "holds": True,
        "put_down_to": "",
    }
)


@pytest.fixture
def folder(made, tmp_path):
    where = tmp_path / "dataset"
    export.write_dataset(*made, where, cells=CELLS, files=["raw/csv_pvt.zip"], big_five="correlated", simulated=True)
    return where


def head(folder):
    _, text, _ = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(text)


def test_files_hold_the_tables_and_the_card_says_so(made, folder):
    said = head(folder)
    weight = made[2].set_index("persona_id")["weight"]
    assert [c["config_name"] for c in said["configs"]] == ["personas", "provenance"] and said["configs"][0]["default"]
    for config, info in zip(said["configs"], said["dataset_info"], strict=True):
        for file, split in zip(config["data_files"], info["splits"], strict=True):
            written = pq.read_table(folder / file["path"])
            assert file["split"] == split["name"] and len(written) == split["num_examples"]
            columns = {f["name"]: f["dtype"] for f in info["features"]}
            assert list(columns) == written.column_names and columns["persona_id"] == "string"
            arrow = {"string": {"string", "large_string"}, "int64": {"int64"}, "float64": {"double"}, "bool": {"bool"}}
            assert all(str(written.schema.field(name).type) in arrow[kind] for name, kind in columns.items())
    both = pd.concat([pd.read_parquet(folder / f"personas/{name}.parquet") for name in ("train", "test")])
    both = both.sort_values("persona_id", ignore_index=True)
    pd.testing.assert_frame_equal(both[list(made[0].columns)], made[0], check_dtype=False)
    assert both["weight"].tolist() == weight[both["persona_id"]].tolist()
    assert set(pd.read_parquet(folder / "personas/test.parquet")["persona_split"]) == {"heldout_persona"}
    assert len(pd.read_parquet(folder / "provenance/train.parquet")) == 6 * made[1].groupby("persona_id").size().iloc[0]


def test_card_says_what_it_is_and_is_not(folder):
    text = (folder / "README.md").read_text("utf-8")
    assert "simulated" in head(folder)["tags"] and head(folder)["license"] == "apache-2.0"
    for words in (
        "What it must not be used for",
        "`csv_pvt.zip`",
        "our simulator, not a language model",
        "| written | 10 |",
        "## How far the beliefs hold",
        "| Republican or leaning | Black | gss | 8.6 | 25.7 | 11.8 | 5.8 | yes |",
    ):
        assert words in text
    assert "raw/" not in text and NASTY not in text and "no real persons" not in text
    listed = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(listed) == len(schema.tables()["personas"].columns) + 1, "one line per column, and the weight"


def test_the_shipped_sample_is_named_as_synthetic(made, tmp_path):
    files = ["data/reference/census_sample.csv.gz"]
    card = export.write_dataset(*made, tmp_path, cells=CELLS, files=files, big_five="uniform", simulated=True)
    assert "`census_sample.csv.gz` (the shipped synthetic sample: its rows are no real persons)" in card.read_text(
        "utf-8"
    )


def test_a_live_run_is_not_called_simulated(made, tmp_path):
    card = export.write_dataset(*made, tmp_path, cells=CELLS, files=["a.zip"], big_five="uniform", simulated=False)
    assert "simulat" not in card.read_text("utf-8").split("## Columns")[0].replace("simulator, ", "")
    assert "simulated" not in head(tmp_path)["tags"]


def test_without_the_model_stage_nothing_is_simulated(made, tmp_path):
    listed = made[1].assign(origin=made[1]["origin"].replace("written", "listed"))
    card = export.write_dataset(
        made[0], listed, made[2], tmp_path, cells=CELLS, files=["a.zip"], big_five="uniform", simulated=True
    )
    assert "written by: nobody: the model stage was left out" in card.read_text("utf-8")
    assert "simulated" not in head(tmp_path)["tags"]


def test_same_tables_same_bytes_and_nothing_half_written(made, folder, tmp_path):
    again = tmp_path / "again"
    export.write_dataset(*made, again, cells=CELLS, files=["raw/csv_pvt.zip"], big_five="correlated", simulated=True)
    files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    assert len(files) == 6 and not any(p.name.endswith(".half") for p in files)
    assert all((folder / p).read_bytes() == (again / p).read_bytes() for p in files)


def test_tables_of_different_runs_are_refused(made, tmp_path):
    with pytest.raises(SchemaError, match="persona_weights and personas are about different personas"):
        export.write_dataset(
            made[0], made[1], made[2].iloc[1:], tmp_path, cells=CELLS, files=[], big_five="x", simulated=True
        )
    assert not list(tmp_path.iterdir())


@pytest.fixture
def whole_folder(made, tmp_path):
    """With the pairs of a made-up run."""
    where = tmp_path / "whole" / "dataset"
    where.parent.mkdir()
    written = write_pairs(small_run(), where)
    arms = {"files": ["raw/csv_pvt.zip"], "big_five": "correlated", "simulated": True}
    export.write_dataset(*made, where, cells=CELLS, preferences=written, **arms)
    return where


def test_the_card_lists_the_pairs_and_what_they_are_for(whole_folder, folder):
    said = head(whole_folder)
    assert [c["config_name"] for c in said["configs"]] == [
        *("personas", "provenance", "pairs", "conversations", "judgements")
    ]
    assert all((whole_folder / file["path"]).is_file() for c in said["configs"] for file in c["data_files"])
    text = (whole_folder / "README.md").read_text("utf-8")
    assert "| `train` | 48 |" in text and "leak-free" in text and "Intended use" in text and "its length" in text
    assert "## Preference pairs" not in (folder / "README.md").read_text("utf-8")


def test_croissant_names_every_file_with_its_sum_and_every_column(whole_folder):
    said = json.loads((whole_folder / "croissant.json").read_text("utf-8"))
    files = {one["contentUrl"]: one["sha256"] for one in said["distribution"]}
    found = {p.relative_to(whole_folder).as_posix(): p for p in whole_folder.rglob("*.parquet")}
    assert files == {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in found.items()}
    for record in said["recordSet"]:
        for field in record["field"]:
            path = field["source"]["fileObject"]["@id"]
            assert field["source"]["extract"]["column"] in pq.read_schema(whole_folder / path).names
    assert len(said["recordSet"]) == len(found) and said["license"].endswith("Apache-2.0.html")


@pytest.mark.system
def test_hugging_face_loads_the_pairs_as_they_are(whole_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    run = small_run()
    for config in ("pairs", "conversations", "judgements"):
        loaded = datasets.load_dataset(str(whole_folder), config, cache_dir=str(tmp_path / "cache"))
        assert sum(len(rows) for rows in loaded.values()) == len(run.pairs)
    pairs = datasets.load_dataset(str(whole_folder), "pairs", split="train", streaming=True)
    first = next(iter(pairs))
    row = run.pairs.set_index("pair_id").loc[first["pair_id"]]
    assert first["chosen"] == run.answers.set_index("answer_id")["text"][row["chosen_answer_id"]]


@pytest.mark.system
def test_hugging_face_loads_the_folder_offline(made, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    counts = made[0]["persona_split"].value_counts()
    assert {name: len(rows) for name, rows in loaded.items()} == {
        "train": counts["train"],
        "test": counts["heldout_persona"],
    }
    assert set(loaded["train"].column_names) == {*made[0].columns, "weight"}
    first = loaded["test"][0]
    mine = made[0].set_index("persona_id").loc[first["persona_id"]]
    assert first["description"] == mine["description"] and first["age_years"] == mine["age_years"]
    origins = datasets.load_dataset(str(folder), "provenance", cache_dir=str(tmp_path / "cache"))
    assert sum(len(rows) for rows in origins.values()) == len(made[1])

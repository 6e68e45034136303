"""Croissant. Oracles: the specification's names, a sum by hand."""

import hashlib

from persona_lib.exporting.croissant import croissant


def test_one_file_by_hand(tmp_path):
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs/train.parquet").write_bytes(b"abc")
    messages = {"name": "prompt", "list": [{"name": "role", "dtype": "string"}]}
    config = {
        "config_name": "pairs",
        "features": [{"name": "n", "dtype": "int64"}, messages],
        "splits": [{"name": "train", "num_bytes": 3, "num_examples": 1}],
    }
    found = croissant(tmp_path, [config], name="x", about="y")
    assert found["conformsTo"].endswith("croissant/1.0") and found["@type"] == "sc:Dataset"
    assert found["distribution"][0]["sha256"] == hashlib.sha256(b"abc").hexdigest()
    assert [(f["name"], f["dataType"]) for f in found["recordSet"][0]["field"]] == [("n", "sc:Integer")]

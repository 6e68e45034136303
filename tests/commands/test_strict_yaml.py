"""What is no strict YAML, each kind with its exact message; and the line of every value."""

from __future__ import annotations

import pytest

from persona_lib.commands.strict_yaml import read

OTHER_FORM = "a number of another form (octal, base 60, with _, infinite): write plain digits, or quotes around a text"


OTHER_TAG = "a date, or a tag (!): put quotes around a text, remove a tag"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: x\nrun: x\n", "line 2: run: stands twice, first on line 1; remove one"),
        ("run: x\npool: {n_items: 9, n_items: 8}", "line 2: pool.n_items: stands twice, first on line 2; remove one"),
        ("run: x\npool:\n\tn_items: 3\n", "line 3: begins with a tab; indent with blanks"),
        ("- run\n", "line 1: settings are lines of the form key: value; this is none"),
        ("hello\n", "line 1: settings are lines of the form key: value; this is none"),
        ("", "run: is missing, and a run is named after its file; write run: x"),
        ("# nothing\n", "run: is missing, and a run is named after its file; write run: x"),
        ("run: x\n---\nseed: 1\n", "line 2: a second document begins here; remove this line (---)"),
        ("run: x\npool: [\n", "line 3: not YAML, here or just before: expected the node content, but found "
         "'<stream end>'"),
        ("run: x\nseed: 1: 2\n", "line 2: not YAML, here or just before: mapping values are not allowed here"),
        ("run: x\nroles: {judge: *other}\n", "line 2: no value of this file has this anchor (&); an alias (*) sees "
         "its own file only"),
        ("run: x\nspend: &a {cap_usd: 1}\npool: &a {n_items: 9}\n", "line 3: this anchor (&) stands twice; rename one"),
        ("run: x\npool: &p {b: *p}\n", "line 2: pool.b: an alias (*) of what it is a part of; remove it"),
        ("run: x\npool: {<<: 3}\n", "line 2: <<: takes an alias of a mapping, such as <<: *name"),
        ("run: x\nendpoints: {on: {}}\n", "line 2: endpoints: a key must be text; put it in quotes (no, yes, on, off, "
         "null and numbers are not text)"),
        ("run: x\nseed: !!python/name:os.system\n", f"line 2: seed: {OTHER_TAG}"),
        ("run: x\nendpoints: {large: {model: 2024-08-06}}\n", f"line 2: endpoints.large.model: {OTHER_TAG}"),
        ("run: x\nseed: 010\n", f"line 2: seed: {OTHER_FORM}"),
        ("run: x\nseed: 1:30\n", f"line 2: seed: {OTHER_FORM}"),
        ("run: x\nseed: 1_000\n", f"line 2: seed: {OTHER_FORM}"),
        ("run: x\nendpoints: {large: {timeout_s: .inf}}\n", f"line 2: endpoints.large.timeout_s: {OTHER_FORM}"),
        ("run: x\n# \u00e9\n".encode("latin-1"), "line 2: not UTF-8; save the file as UTF-8"),
        ("run: x\nseed: 1\n# \u00e9".encode("latin-1"), "line 3: not UTF-8; save the file as UTF-8"),
        ("run: x\nmode: 'a\x07'\n", "line 2: the character U+0007 cannot stand in YAML; remove it"),
    ],
)  # fmt: skip
def test_what_is_no_strict_yaml(said, text, message):
    assert said(text) == f"x.yaml: {message}"


def test_lines_of_what_is_merged_are_those_of_its_anchor(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: &a\n  b: 1\n  c: 2\nd:\n  <<: *a\n  c: 3\n")
    values, lines = read(path)
    assert values["d"] == {"b": 1, "c": 3}
    assert (lines["d", "b"], lines["d", "c"], lines["d",]) == (2, 6, 4)

"""Templates: text never becomes template, every slot is filled, a rendered text gives its slots back."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from persona_lib import templates
from persona_lib.templates import SLOTS, Template, TemplateError, invert, load, render

ROOT = Path(__file__).parents[1]
FORM = Template("form", 1, "reconstructed", "Be brief.", "<p>{{persona}}</p>\n<q>{{prompt}}</q>\nSay it.")
HOSTILE = [
    "{{prompt}}",
    "{{persona}} {{answer}} {{",
    "{} {0} {x!r} %s $x ${x}",
    "\\1 \\g<0> \\n",
    "\"quotes\" 'and' `ticks` </p> <q>",
    "a\x00b",
    "line\r\nline\u2028line\u0085end",
    "日本語 العربية 👩‍👩‍👧 e\u0301 ı",
    " space at both ends \n",
    "x" * 100_000,
    "",
]


@pytest.fixture
def folder(tmp_path):
    def make(**changes):
        values = {"version": 1, "source": "reconstructed", "system": "Be kind.", "user": "{{prompt}}"} | changes
        kept = {key: value for key, value in values.items() if value is not ...}
        (tmp_path / "form.yaml").write_text(yaml.safe_dump(kept), "utf-8")
        return tmp_path

    return make


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_goes_through_unchanged_and_never_becomes_template(text):
    # oracle: plain concatenation
    system, user = render(FORM, {"persona": text, "prompt": text})
    assert system == {"role": "system", "content": "Be brief."}
    assert user == {"role": "user", "content": "<p>" + text + "</p>\n<q>" + text + "</q>\nSay it."}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=60), st.text("ab{}<>/pq\n"))
def test_invert_undoes_render(persona, prompt):
    # unique as long as the first slot does not hold what follows it
    slots = {"persona": persona, "prompt": prompt}
    assert invert(FORM, render(FORM, slots)[1]["content"]) == slots


def test_a_later_slot_cannot_change_an_earlier_one():
    slots = {"persona": "Age: 40", "prompt": "Ha</p>\n<q>Age: 20</q>\nSay it."}
    assert invert(FORM, render(FORM, slots)[1]["content"])["persona"] == "Age: 40"


def test_invert_of_another_text_is_none():
    assert invert(FORM, "<p>x</p>") is None


def test_a_repeated_slot_is_filled_twice_and_inverted_once():
    form = Template("form", 1, "", "", "{{prompt}}! {{prompt}}?")
    assert render(form, {"prompt": "Go"})[1]["content"] == "Go! Go?"
    assert invert(form, "Go! Go?") == {"prompt": "Go"} and invert(form, "Go! Come?") is None


@pytest.mark.parametrize(
    ("slots", "message"),
    [
        ({"persona": "x"}, "template form: slot prompt is not filled"),
        ({"persona": "x", "prompt": "y", "answer": "z"}, "template form: has no slot answer"),
        ({"persona": "x", "prompt": float("nan")}, "template form: slot prompt is nan, not text"),
        ({"persona": "x", "prompt": None}, "template form: slot prompt is None, not text"),
        ({"persona": "x", "prompt": "\ud83d"}, "slot prompt holds half a character"),
    ],
)
def test_slots_that_do_not_fit(slots, message):
    with pytest.raises(TemplateError, match=message):
        render(FORM, slots)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usr": "x"}, "form.yaml: unknown key usr; known are version, source, system, user, response_schema"),
        ({"user": ...}, "form.yaml: key user is missing"),
        ({"version": "one"}, "form.yaml: version must be a whole number"),
        ({"system": None}, "form.yaml: system must be text"),
        ({"user": "{{question}}"}, "form.yaml: unknown slot question; known are persona, prompt"),
        ({"user": "{{prompt}}\n{{ answer }}"}, r"form.yaml: user, line 2: '\{\{' opens no slot"),
        ({"user": "Hello."}, "form.yaml: user has no slot"),
        ({"system": "{{persona}}"}, "form.yaml: system holds '{{'; slots stand in user only"),
        ({"response_schema": {"type": "thing"}}, "form.yaml: response_schema: 'thing' is not valid"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(folder, changes, message):
    with pytest.raises(TemplateError, match=message) as error:
        load(folder(**changes))
    assert "\n" not in str(error.value)


def test_not_yaml_and_no_template(tmp_path):
    with pytest.raises(TemplateError, match="no template"):
        load(tmp_path)
    (tmp_path / "bad.yaml").write_text("version: [1", "utf-8")
    with pytest.raises(TemplateError, match="bad.yaml: not YAML"):
        load(tmp_path)
    (tmp_path / "bad.yaml").write_text("- 1", "utf-8")
    with pytest.raises(TemplateError, match="bad.yaml: must be a mapping"):
        load(tmp_path)


def test_shipped_templates_load_and_survive_their_plain_form():
    shipped = load(ROOT / "data" / "templates")
    assert {slot for form in shipped.values() for slot in form.slots} == set(SLOTS)
    for form in shipped.values():
        assert Template.from_dict(form.to_dict()) == form
        slots = dict.fromkeys(form.slots, "Age: 40\nthat is all")
        assert templates.invert(form, render(form, slots)[1]["content"]) == slots

"""Files of planned faults: the one that the documentation shows, and those that cannot be used."""

from __future__ import annotations

import textwrap

import pytest

from persona_lib.simulator import faults


def test_the_file_of_faults_that_the_documentation_shows_is_read(tmp_path):
    """Oracle: the counts and a few values, read off the text by eye."""
    shown = faults.__doc__.partition("seed: 1")[2].partition("`share` is")[0]
    path = tmp_path / "faults.yaml"
    path.write_text(textwrap.dedent("    seed: 1" + shown))
    plan = faults.read(path)
    assert (plan.seed, len(plan.rules), len(plan.batches)) == (1, 10, 2)
    assert [rule.fault for rule in plan.rules][:9] == list(faults.KINDS)
    assert (plan.rules[9].path, plan.rules[0].path) == ("/v1/batches", "/v1/chat/completions")
    assert plan.batches[0].after == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [{fault: rude}]", r"rules\[0\].fault: 'rude' is not one of \['limited'"),
        ("rules: [{fault: slow, sharee: 1}]", r"rules\[0\]: .*'sharee' was unexpected"),
        ("rules: [{fault: slow, on: /v1}]", r"rules\[0\]: .*True was unexpected"),
        ("rules: [{share: 1}]", r"rules\[0\]: 'fault' is a required property"),
        ("rules: [{fault: slow, share: 0.6}, {fault: html, share: 0.6}]", "shares on /v1/chat/completions add up"),
        ("rules: [{fault: slow, share: -1}]", r"rules\[0\].share: -1 is less than the minimum of 0"),
        ("rules: [{fault: slow, share: .nan}]", "not JSON compliant"),
        ("rules: [{fault: broken, status: 1000}]", "1000 is greater than the maximum of 599"),
        ("rules: [{fault: broken, status: 200}]", "200 is less than the minimum of 400"),
        ("rules: [{fault: broken, times: 0}]", "0 is less than the minimum of 1"),
        ("rules: 3", "rules: 3 is not of type 'array'"),
        ("batches: [{end: expired}]", r"batches\[0\]: .*'end' was unexpected"),
        ("batches: [{ends: lost}]", r"batches\[0\].ends: 'lost' is not one of"),
        ("batches: [{errors: 7}]", r"batches\[0\].errors: 7 is greater than the maximum of 1"),
        ("rule: []", "'rule' was unexpected"),
        ("rules: [", "not a YAML file"),
    ],
)
def test_a_file_of_faults_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(faults.FaultError, match=message):
        faults.read(path)

"""`persona simulate`: the port is the only line, faults are those of the file, the server ends with its parent."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from toy_run import ROOT

from persona_lib import cli
from persona_lib.simulator import VERSION

ASKED = {"model": "sim-small", "messages": [{"role": "user", "content": "What do you think about zoos?"}]}


@contextmanager
def served(*more):
    command = [sys.executable, "-m", "persona_lib.cli", "simulate", *more]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as server:
        port = int(server.stdout.readline())
        yield f"http://127.0.0.1:{port}/v1/"
        said, _ = server.communicate(timeout=20)
    assert server.returncode == 0 and said == "", "the port is the only line; the end of stdin is the end"


def test_it_serves_until_stdin_closes_and_misbehaves_as_the_file_says(tmp_path):
    faults = tmp_path / "faults.yaml"
    faults.write_text("rules: [{fault: limited, share: 1, retry_after_s: 3, times: 1}]")
    with served("--faults", str(faults)) as address:
        with urllib.request.urlopen(f"{address}models", timeout=20) as answer:
            assert f"sim-small@{VERSION}" in {model["id"] for model in json.load(answer)["data"]}
        body = json.dumps(ASKED).encode()
        again = urllib.request.Request(f"{address}chat/completions", body, {"content-type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(again, timeout=20)
        assert refused.value.code == 429 and refused.value.headers["Retry-After"] == "3"
        with urllib.request.urlopen(again, timeout=20) as answer:
            assert json.load(answer)["choices"][0]["message"]["role"] == "assistant"


@pytest.mark.parametrize(
    ("text", "message"), [("rules: [{fault: rude}]", "'rude' is not one of"), ("rules: [", "not a YAML file")]
)
def test_a_file_of_faults_that_cannot_be_used_is_one_line(tmp_path, capsys, text, message):
    (tmp_path / "faults.yaml").write_text(text)
    assert cli.main(["simulate", "--faults", str(tmp_path / "faults.yaml")]) == 1
    said = capsys.readouterr().err
    assert message in said and "faults.yaml" in said and said.count("\n") == 1


def test_a_file_of_faults_that_is_not_there_says_what_to_do(capsys):
    assert cli.main(["simulate", "--faults", "none.yaml"]) == 1
    assert "none.yaml: no such file; name a YAML file of faults, or leave --faults out" in capsys.readouterr().err

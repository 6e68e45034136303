"""Configurations that cannot be used, each kind with its exact message; and keys of APIs that nothing may show."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hostile import KEYS
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from persona_lib import cli
from persona_lib.commands.configuration import read_configuration
from persona_lib.commands.strict_yaml import ConfigurationError
from workflow import paper
from workflow.settings import validated

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("personas: {n: '50'}", "personas.n: '50' is not a whole number but text; write 50, in digits and without "
         "quotes"),
        ("seed: 1e3", "seed: '1e3' is not a whole number but text; write 1000, in digits and without quotes"),
        ("personas: {n: many}", "personas.n: 'many' is not a whole number but text; write it in digits"),
        ("seed: 5.0", "seed: 5.0 is not a whole number; write 5"),
        ("personas: {n: yes}", "personas.n: true is not a whole number; write a whole number"),
        ("spend: {cap_usd: $5}", "spend.cap_usd: '$5' is not a number or null but text; write it in digits"),
        ("roles: {judge: no}", "roles.judge: false is not text (no, yes, on and off are read so); put it in quotes"),
        ("roles: {judge: 5}", "roles.judge: 5 is not text; put it in quotes"),
        ("roles: {panel: large}", "roles.panel: 'large' is not a list; write a list"),
        ("roles: {panel: []}", "roles.panel: needs 1 or more entries"),
        ("roles: {panel: [large, large]}", "roles.panel: names something twice; remove one"),
        ("spend:", "spend: nothing is not a mapping; write a mapping"),
        ("sead: 1", "sead: unknown; did you mean seed?"),
        ("pool: {n_item: 9}", "pool.n_item: unknown; did you mean n_items?"),
        ("pool: {zzz: 9}", "pool.zzz: unknown; known are n_items, n_panel_personas, n_raters, n_panel_items, "
         "n_given_personas, named_groups"),
        ("mode: alive", "mode: 'alive' is none of simulate, live, replay"),
        ("seed: -1", "seed: -1 is too small; at least 0"),
        ("shards: 2000", "shards: 2000 is too large; at most 1000"),
        ("spend: {cap_usd: 0}", "spend.cap_usd: 0 must be above 0"),
        ("pool: {n_raters: 2}", "pool.n_raters: 2 is too small; at least 4"),
        ("personas: {n: 1}", "personas.n: 1 is too small; at least 2"),
        ("endpoints: {mine: {model: a}}", "endpoints.mine: lacks base_url, key_variable, concurrency, timeout_s, "
         "retries, parameters; add what is missing"),
        ("endpoints: {large: {concurrency: many}}", "endpoints.large.concurrency: the text is not a whole number but "
         "text; write it in digits"),
        ("population: {strata: [stat]}", "population.strata.0: 'stat': unknown; did you mean state?"),
        ("roles: {judge: gpt}", "roles.judge: 'gpt' is no endpoint; endpoints are large, medium, small, terse, judge, "
         "rater"),
        ("endpoints: {large: {parameters: {n: 2}}}", "endpoints.large.parameters: n is set by the engine; remove it"),
        ("endpoints: {large: {base_url: localhost}}", "endpoints.large.base_url: must begin with http:// or https://"),
        ("census: {files: [no.zip]}", "census.files.0: 'no.zip': no such file; give a path relative to the folder of "
         "the Snakefile"),
        ("prompts: {bank: README.md}", "prompts.bank: README.md: a prompt bank is a .csv with a column text, or "
         "PRISM's conversations.jsonl"),
        ("ablation: {attributes: [sex, agee_years]}", "ablation.attributes.1: 'agee_years': unknown; did you mean "
         "age_years?"),
    ],
)  # fmt: skip
def test_what_the_schema_and_the_code_do_not_know(said, text, message):
    assert said(f"run: x\n{text}\n") == f"x.yaml: line 2: {message}"


def test_an_alias_of_an_endpoint_is_a_word(said):
    assert (
        said("run: x\nendpoints:\n  My-Model: {model: a}\n").splitlines()[0]
        == "x.yaml: line 3: endpoints.My-Model: aliases are made of a-z, 0-9 and _; rename it"
    )


LOCAL = "endpoints: {large: {base_url: 'http://localhost:1/v1', price: gpt-4o-minj}}"


def test_a_live_endpoint_needs_the_mode_and_a_price_that_the_table_has(said):
    """Line 1 is the run's; the mode of the demo stands in its own file."""
    assert said(f"run: x\n{LOCAL.replace(', price: gpt-4o-minj', '')}\n").endswith(
        "mode: is simulate, but endpoint large is not the simulator; write mode: live to ask it"
    )
    told = "endpoints.large.price: no 'gpt-4o-minj' in the price table; rows are gpt-4, "
    assert said(f"run: x\nmode: live\n{LOCAL}\n").startswith(f"x.yaml: line 3: {told}")


def test_brackets_too_deep_and_a_name_too_long_are_one_line(said):
    assert said("run: x\na: " + "[" * 3000) == "x.yaml: brackets within brackets, too deep to be read"
    assert "prompts.bank: (not shown" in said("run: x\nprompts: {bank: " + "x" * 5000 + "}\n")


class TestShipped:
    @pytest.mark.parametrize("name", ["demo", "real"])
    def test_can_be_used(self, name):
        config = read_configuration(["config/demo.yaml", f"config/{name}.yaml"])
        assert config["run"] == name and config["prompts"]["n_classified"] == 360
        assert (config["ablation"]["attributes"] is None) == (name == "paper")
        assert config["endpoints"]["terse"]["retries"] == 5, "merge keys are lost"

    def test_the_papers_size_fits_the_shipped_bank(self):
        config = read_configuration(["config/demo.yaml", "config/paper.yaml"])
        assert (config["personas"]["n"], config["prompts"]["n"], config["prompts"]["n_classified"]) == (
            1586,
            3868,
            None,
        )

    def test_a_smaller_bank_is_told_by_whoever_reads_it(self, capsys, tmp_path):
        bank = tmp_path / "bank.csv"
        bank.write_text("text\n" + "".join(f"Should there be a law number {i}?\n" for i in range(358)))
        small = tmp_path / "small.yaml"
        small.write_text(Path("config/paper.yaml").read_text("utf-8").replace("run: paper", "run: small").replace(
            "prompts:\n", f"prompts:\n  bank: {bank}\n"))  # fmt: skip
        message = f"small.yaml: line 11: prompts.n: 3868 is more than 358, the prompts of {bank} (358) that pass the "
        message += "rules, of which a classifier may drop more: lower it, or enlarge prompts.bank"
        for read_it in (
            lambda: paper._merged(small, {}),
            lambda: validated(read_plainly(small), ["config/demo.yaml", str(small)]),
            lambda: read_configuration(["config/demo.yaml", str(small)]),
        ):
            with pytest.raises((SystemExit, WorkflowError, ConfigurationError)) as error:
                read_it()
            assert str(error.value).endswith(message)
        assert cli.main(["plan", "config/demo.yaml", str(small)]) == 1
        said = capsys.readouterr()
        assert said.err.startswith("persona: ") and said.err.rstrip().endswith(message) and not said.out


def read_plainly(path):
    """As Snakemake reads it."""
    config = yaml.safe_load(Path("config/demo.yaml").read_text("utf-8"))
    update_config(config, yaml.safe_load(Path(path).read_text("utf-8")))
    return config


class TestRun:
    def test_an_empty_one_is_the_demo_by_another_name(self, said, tmp_path):
        assert said("\ufeff# nothing else\nrun: x\n") == ""
        demo = read_configuration(["config/demo.yaml"])
        assert read_configuration(["config/demo.yaml", tmp_path / "x.yaml"]) == demo | {"run": "x"}

    def test_is_the_name_of_the_file(self, said, tmp_path):
        assert said("run: y\n") == "x.yaml: line 1: run: must be the name of the file; write run: x"
        (tmp_path / "My-run.yaml").write_text("run: my_run\n")
        with pytest.raises(ConfigurationError, match=r"My-run.yaml: line 1: run: .* by a-z, 0-9 and _; rename "):
            read_configuration(["config/demo.yaml", tmp_path / "My-run.yaml"])

    def test_of_a_command_line_is_told_apart(self, tmp_path):
        (tmp_path / "x.yaml").write_text("run: x\n")
        files = ["config/demo.yaml", tmp_path / "x.yaml"]
        with pytest.raises(ConfigurationError) as error:
            read_configuration(files, {"census": {"files": ["no.zip"]}})
        assert str(error.value).startswith("command line: census.files.0: 'no.zip': no such file")


def test_overriding_one_endpoint_leaves_those_that_share_its_anchor_alone(tmp_path):
    (tmp_path / "x.yaml").write_text("run: x\nendpoints: {large: {parameters: {max_tokens: 5}}}\n")
    endpoints = read_configuration(["config/demo.yaml", tmp_path / "x.yaml"])["endpoints"]
    assert endpoints["large"]["parameters"] == {"temperature": 1.0, "max_tokens": 5}
    assert endpoints["small"]["parameters"]["max_tokens"] == 1024


PLACES = [
    "endpoints: {large: {key_variable: KEY}}",
    "endpoints: {large: {key_variable: [KEY]}}",
    "endpoints: {large: {base_url: 'https://KEY@api.example.com/v1'}}",
    "endpoints: {large: {base_url: 'https://api.example.com/v1?key=KEY'}}",
    "endpoints: {large: {base_url: KEY}}",
    "endpoints: {large: {model: KEY}}",
    "endpoints: {large: {price: KEY}}",
    "endpoints: {large: {concurrency: KEY}}",
    "endpoints: {large: {api_key: KEY}}",
    "endpoints: {large: {parameters: {extra_headers: {Authorization: Bearer KEY}}}}",
    "endpoints: {large: {parameters: {token: KEY}}}",
    "endpoints: {large: {parameters: {KEY: 1}}}",
    "endpoints: {KEY: {model: x}}",
    "endpoints: [KEY]",
    *("KEY: 1", "KEY: 1\nKEY: 2", "KEY", "mode: KEY", "mode: [KEY", "seed: !KEY 1"),
    "seed: &KEY 1\nshards: &KEY 1",
    "roles: {judge: KEY}",
    "roles: {judge: *KEY}",
    "census: {files: [KEY]}",
    "prompts: {bank: KEY}",
    "population: {strata: [KEY]}",
    "ablation: {attributes: [KEY]}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", KEYS)
def test_a_pasted_key_is_refused_and_shown_nowhere(tmp_path, capsys, caplog, monkeypatch, place, key):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "x.yaml"
    path.write_text(f"run: x\n{place.replace('KEY', key)}\n")
    with pytest.raises(ConfigurationError) as error:
        read_configuration(["config/demo.yaml", path])
    assert error.value.__cause__ is None or key not in str(error.value.__cause__)
    assert str(error.value).startswith(f"{path}: line ") and key not in str(error.value)
    assert cli.main(["plan", "config/demo.yaml", str(path), "--folder", str(tmp_path / "run")]) == 1
    with pytest.raises(SystemExit) as end:
        paper._merged(path, {})
    shown = capsys.readouterr()
    assert key not in f"{end.value}{shown.out}{shown.err}{caplog.text}"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize(
    "model", ["gpt-4o-2024-08-06", "meta-llama/Llama-3.1-405B-Instruct-Turbo", "claude-sonnet-4-20250514", "sk-learn"]
)
def test_names_of_models_are_no_keys(said, model):
    assert said(f"run: x\nendpoints: {{large: {{model: {model}}}}}\n") == ""


def test_snakemake_shows_and_stores_no_pasted_key(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(f"run: x\nendpoints: {{large: {{key_variable: {KEYS[0]}}}}}\n")
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--configfile", str(path)]
    for name in ("config", "data", "notebooks", "persona_lib", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--cores", "1", "--directory", str(tmp_path), "--until", "configuration"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "endpoints.large.key_variable: looks like the key of an API" in done.stderr
    kept = b"".join(file.read_bytes() for file in (tmp_path / ".snakemake").rglob("*") if file.is_file())
    assert KEYS[0] not in done.stdout + done.stderr and KEYS[0].encode() not in kept
    assert not (ROOT / "data/runs/x").exists()

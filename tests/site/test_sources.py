"""The sources of the site: which results, which files, and what is said where something is missing."""

import json

import nbformat
import pytest
import yaml
from site_rows import ROOT, demo, small

from persona_lib.site import sources


def test_the_demo_that_was_not_run_here_is_shown_as_committed(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/demo.yaml").write_text("mode: simulate\n", "utf-8")
    results = sources.found_results("demo", root=tmp_path)
    assert results.tables == tmp_path / "data/expected/demo" and results.notebooks == tmp_path / "notebooks"
    assert results.is_simulated


def test_a_run_that_has_ended_is_shown_from_its_folder(tmp_path):
    folder = tmp_path / "data/runs/mine"
    folder.mkdir(parents=True)
    (folder / "claims.parquet").touch()
    with pytest.raises(sources.SiteError, match="configuration.yaml: no such file; make paper writes it"):
        sources.found_results("mine", root=tmp_path)
    (folder / "configuration.yaml").write_text(yaml.safe_dump({"mode": "live"}), "utf-8")
    results = sources.found_results("mine", root=tmp_path)
    assert results.tables == folder and results.figures == tmp_path / "figures/runs/mine" and not results.is_simulated


def test_a_run_that_has_not_ended_says_what_to_do(tmp_path):
    with pytest.raises(sources.SiteError, match="mine/claims.parquet: no such file; .*make paper RUN=mine"):
        sources.found_results("mine", root=tmp_path)


def test_a_leaderboard_is_read_file_by_file(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps([{"model": "b"}, {"model": "c"}]), "utf-8")
    (tmp_path / "a.json").write_text(json.dumps({"model": "a"}), "utf-8")
    assert [row["model"] for row in sources.read_leaderboard(tmp_path)] == ["a", "b", "c"]
    assert sources.read_leaderboard(tmp_path / "none") == []


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), ("[1]", "something else than rows")])
def test_a_broken_file_of_the_leaderboard_is_named(tmp_path, text, said):
    (tmp_path / "a.json").write_text(text, "utf-8")
    with pytest.raises(sources.SiteError, match=f"a.json: (holds )?{said}"):
        sources.read_leaderboard(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "source"
    sources.write_sources(sources.found_results("demo", root=ROOT), small(), folder, root=ROOT)
    return folder


def test_every_page_is_in_the_contents_and_there(written):
    index = (written / "index.md").read_text("utf-8")
    pages = {p.relative_to(written).with_suffix("").as_posix() for p in written.rglob("*.md")} - {"index"}
    pages |= {f"notebooks/{path.stem}" for path in (written / "notebooks").glob("*.ipynb")}
    assert {"browse", "claims", "handbook", "notebooks/15_claims"} <= pages
    named = {line.split("<")[-1].rstrip(">") for line in index.splitlines()}
    assert pages <= named


def test_notebooks_keep_what_they_showed(written):
    for path in (written / "notebooks").glob("*.ipynb"):
        before = nbformat.read(sources.found_results("demo", root=ROOT).notebooks / path.name, as_version=4)
        after = nbformat.read(path, as_version=4)
        assert [c.get("outputs") for c in after.cells] == [c.get("outputs") for c in before.cells]


def test_every_picture_of_a_notebook_is_described(written):
    n_pictures = 0
    for path in (written / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                said = cell.metadata["mystnb"]["image"]["alt"]
                assert said and not said.startswith("<") and "\n" not in said
                n_pictures += 1
    assert n_pictures > 10


def test_pages_are_brought_in_as_they_are_and_figures_lie_where_they_are_looked_for(written):
    for name in ("browse", "figures", "claims", "leaderboard", "decisions", "index"):
        assert f":file: {name}.html.txt" in (written / f"{name}.md").read_text("utf-8")
        assert (written / f"{name}.html.txt").stat().st_size > 0
    assert {path.name for path in (written / "extra/figures").glob("*.png")} >= set(demo()["figures"]["file"])


def test_a_folder_without_notebooks_is_told(tmp_path):
    results = sources.Results(
        ROOT / "data/expected/demo", tmp_path, ROOT / "figures/expected/demo", {"mode": "live", "run": "mine"}
    )
    with pytest.raises(sources.SiteError, match="no notebook; make paper writes them"):
        sources.write_sources(results, small(), tmp_path / "s", root=ROOT)

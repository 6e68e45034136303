"""The sources of the site: which results, which files, and what is said where something is missing."""

import json
import re

import nbformat
import pytest
from site_rows import ROOT, demo, small

from persona_lib.site import sources
from persona_lib.site.results import Results, SiteError, found_results


def test_a_leaderboard_is_read_file_by_file(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps([{"model": "b"}, {"model": "c"}]), "utf-8")
    (tmp_path / "a.json").write_text(json.dumps({"model": "a"}), "utf-8")
    assert [row["model"] for row in sources.read_leaderboard(tmp_path)] == ["a", "b", "c"]
    assert sources.read_leaderboard(tmp_path / "none") == []


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), ("[1]", "something else than rows")])
def test_a_broken_file_of_the_leaderboard_is_named(tmp_path, text, said):
    (tmp_path / "a.json").write_text(text, "utf-8")
    with pytest.raises(SiteError, match=f"a.json: (holds )?{said}"):
        sources.read_leaderboard(tmp_path)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "source"
    sources.write_sources(found_results("demo", root=ROOT), small(), folder, root=ROOT)
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
        before = nbformat.read(found_results("demo", root=ROOT).notebooks / path.name, as_version=4)
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
    settings = {"mode": "live", "run": "mine"}
    results = Results(ROOT / "data/expected/demo", ROOT / "figures/expected/demo", settings, tmp_path)
    with pytest.raises(SiteError, match="no notebook; make paper writes them"):
        sources.write_sources(results, small(), tmp_path / "s", root=ROOT)


def test_the_pictures_that_the_texts_show_are_there_and_no_others(written):
    texts = " ".join((ROOT / name).read_text("utf-8") for name in sources.TEXTS)
    shown = {path.relative_to(written).as_posix() for path in (written / "figures").rglob("*.png")}
    assert shown == set(re.findall(r"\((figures/expected/[^)\s]+\.png)\)", texts)) and shown

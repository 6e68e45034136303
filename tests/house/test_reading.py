"""What a reader meets: links, reading lists, alternative texts, short lines, and one way to write a number."""

import re

import nbformat
import pytest
from programs import NOTEBOOKS, ROOT, code

from workflow.navigation import READING, reading_list, with_links

LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMES = [path.stem for path in NOTEBOOKS]


def prose(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestNotebook:
    def test_has_the_links_that_the_reading_list_gives_it(self, path):
        """`python -m workflow.navigation` writes them."""
        rows, notebook = reading_list(ROOT / READING), nbformat.read(path, as_version=4)
        assert path.stem in rows, f"{path.stem} has no row in {READING}: say what to read, then run workflow.navigation"
        linked = with_links(notebook, path.stem, NAMES, rows[path.stem])
        assert [c.source for c in linked.cells] == [c.source for c in notebook.cells], "run workflow.navigation"
        assert sum(row["kind"] == "reference" for row in rows[path.stem]) >= 1

    def test_its_links_lead_somewhere(self, path):
        cells = prose(nbformat.read(path, as_version=4))
        found = LINK.findall("\n".join(cells))
        assert len(found) >= 4
        for link in found:
            name, _, anchor = link.partition("#")
            if not link.startswith("https://"):
                other = path.parent / name if name else path
                assert other.parent == path.parent and other.is_file(), (
                    f"{link}: a notebook links to its neighbours alone"
                )
            if anchor and not link.startswith("https://"):
                headings = re.findall(r"^#+ (.+)$", "\n".join(prose(nbformat.read(other, as_version=4))), flags=re.M)
                assert anchor in {heading.replace(" ", "-") for heading in headings}, link

    def test_says_why_it_matters_before_what_it_reads(self, path):
        first = nbformat.read(path, as_version=4).cells[0].source
        motive = first.split("\n|")[0]
        assert len(motive.split()) >= 40, "two or three sentences on why it matters, before the contract"

    def test_code_lines_are_short(self, path):
        cells = code(nbformat.read(path, as_version=4))
        lines = [line for cell in cells for line in cell.source.split("\n")]
        assert [line for line in lines if len(line) > 100] == []

    def test_its_pictures_have_alternative_texts(self, path):
        """Drawn by `picture` or `shown`, which demand one; whatever a cell shows otherwise has none."""
        for cell in code(nbformat.read(path, as_version=4)):
            assert "plt.show()" not in cell.source, "show it by drawing.picture, with its alternative text"

    def test_writes_numbers_in_one_way(self, path):
        """Shares in its sentences are written by `showing.findings`, not by a format of its own."""
        last = [cell.source for cell in code(nbformat.read(path, as_version=4)) if "Markdown(" in cell.source]
        assert not re.findall(
            r":\.\d[%f]\}", "\n".join(last).replace("USD {", "").replace(":,.2f}", "")
        ) or path.stem in (
            "01_census",
            "02_population",
            "15_claims",
        ), "percentages and intervals come from showing.findings"

"""The links of the notebooks, on two notebooks of one cell each."""

import nbformat
import pytest

from workflow.navigation import CELL_ID, last_cell, reading_list, with_links

HEAD = "notebook,kind,text,url\n"
ROWS = HEAD + "00_a,paper,all,https://doi.org/1\n01_b,paper,section 2,https://doi.org/1\n"


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "reading.csv"
    path.write_text(ROWS + '01_b,reference,"A. Nobody (2000). Kappa.",https://arxiv.org/abs/7\n', "utf-8")
    return reading_list(path)


def one_cell():
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 01 · Why?\n\nBecause.", id="a")])


def test_links_are_written_once_however_often(rows):
    once = with_links(one_cell(), "01_b", ["00_a", "01_b"], rows["01_b"])
    again = with_links(once, "01_b", ["00_a", "01_b"], rows["01_b"])
    assert again == once and [cell.id for cell in once.cells] == ["a", CELL_ID]
    assert once.cells[0].source.startswith("# 01 · Why?\n\nBecause.\n\nBefore: [00 a](00_a.ipynb)")
    assert "[arXiv:7](https://arxiv.org/abs/7)" in once.cells[1].source


def test_a_notebook_that_comes_between_moves_the_links(rows):
    names = ["00_a", "01_b", "02_c"]
    assert "Next: [02 c](02_c.ipynb)" in last_cell("01_b", names, rows["01_b"])
    old = with_links(one_cell(), "01_b", ["00_a", "01_b"], rows["01_b"])
    new = with_links(old, "01_b", names, rows["01_b"])
    assert "after: [02 c](02_c.ipynb)" in new.cells[0].source and new.cells[0].source.count("Before:") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROWS + "01_b,paper,twice,https://doi.org/1\n", "01_b needs one row of kind paper"),
        (HEAD + "00_a,book,x,https://doi.org/1\n", "line 2: kind must be"),
        (HEAD + "00_a,paper,x,http://doi.org/1\n", "line 2: kind must be"),
    ],
)
def test_a_bad_row_is_named(tmp_path, text, said):
    (tmp_path / "reading.csv").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=said):
        reading_list(tmp_path / "reading.csv")

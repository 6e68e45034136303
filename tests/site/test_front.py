"""The first page and the gallery: counts, one pair, who answered; captions, alternative texts, other formats."""

import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from site_rows import HOSTILE, Read, demo, small

from persona_lib.site import front


def figures(folder, *files: str, said: str = "") -> list[dict]:
    for file in files:
        about = PngInfo()
        about.add_text("Description", said)
        Image.new("L", (1, 1)).save(folder / file, format="PNG", pnginfo=about)
    table = pd.DataFrame(
        {"figure": ["05"], "file": ["figure_05.png"], "title": [HOSTILE], "is_simulated": [True], "sha256": [""]}
    )
    return front.figure_rows(table, folder)


def test_a_figure_has_a_caption_a_text_and_its_other_formats(tmp_path):
    rows = figures(tmp_path, "figure_05.png", "figure_05.svg", "figure_05.csv")
    page = Read(front.figures_page(rows))
    assert ("href", "figures/figure_05.svg") in page.attributes and ("href", "figures/figure_05.csv") in page.attributes
    assert ("href", "figures/figure_05.pdf") not in page.attributes
    assert ("alt", f"Figure 5: {HOSTILE}") in page.attributes
    assert "Simulated respondents" in page.text and "script" not in page.tags


def test_a_figure_that_says_what_is_to_be_seen_is_described_by_that(tmp_path):
    page = Read(front.figures_page(figures(tmp_path, "figure_05.png", said=f"Dots {HOSTILE}")))
    assert ("alt", f"Dots {HOSTILE}") in page.attributes and "script" not in page.tags


def test_a_figure_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="figure_05.png: no such file"):
        figures(tmp_path)


def test_the_first_page_counts_and_says_who_answered():
    tables = demo()
    configuration = {
        "endpoints": {"one": {"model": "<m>"}, "two": {"model": "n"}},
        "roles": {"judge": "one", "panel": ["one", "two"], "nobody": None},
    }
    said = front.home_page(tables, [], configuration=configuration, simulated=True)
    text = " ".join(Read(said).text.split())
    assert f"{len(tables['pairs']):,} preference pairs" in text and f"{len(tables['claims'])} claims" in text
    assert "judge<m>" in text.replace(" ", "") and "panel<m>,n" in text.replace(" ", "")
    assert "simulated respondents" in text


def test_the_first_page_shows_one_pair_and_its_text_is_text():
    configuration = {"endpoints": {}, "roles": {}}
    page = Read(front.home_page(small(), [], configuration=configuration, simulated=True))
    assert page.text.count(HOSTILE) == 3, "the question and both answers"
    assert not {"script", "img"} & set(page.tags)
    address = next(value for name, value in page.attributes if name == "href" and value and "#pair=" in value)
    assert address.removeprefix("browse.html#pair=") in set(small()["pairs"]["pair_id"])


def test_where_no_pair_has_both_answers_none_is_shown():
    tables = small()
    none = tables | {"pairs": tables["pairs"].assign(status="refused")}
    page = front.home_page(none, [], configuration={"endpoints": {}, "roles": {}}, simulated=True)
    assert "One pair" not in page

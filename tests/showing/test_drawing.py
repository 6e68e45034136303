"""What holds for every figure: number, stamp, page, bytes; and the catalogue of their files."""

import hashlib
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from persona_lib.showing import drawing
from persona_lib.tables import schema


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Figures that were drawn and saved, by their number, and the folder of their files."""
    return {}, tmp_path_factory.mktemp("figures")


@pytest.fixture
def saved(every, number, kept):
    """A stamped figure and its file, drawn once for all tests: nothing below changes it."""
    made, folder = kept
    if number not in made:
        figure = every[number](True)
        made[number] = figure, drawing.save(figure, folder / f"{number}.png")
    return made[number]


@pytest.mark.parametrize("number", range(1, 14))
class TestEveryFigure:
    def test_names_its_number_and_carries_the_stamp_only_if_it_must(self, every, saved, number):
        """Figure 13 rests on no answer: its stamp says that the census is synthetic."""
        stamp = drawing.SYNTHETIC if number == 13 else drawing.STAMP
        for is_stamped, figure in ((True, saved[0]), (False, every[number](False))):
            head = [text.get_text() for text in figure.texts]
            assert head[0].startswith(f"Figure {number} · ")
            assert (stamp in head) == is_stamped and figure.stamps == (stamp,) * is_stamped

    def test_is_saved_for_print_and_with_its_rows(self, saved):
        png = saved[1]
        assert png.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
        rows = pd.read_csv(png.with_suffix(".csv"))
        assert len(rows) and rows["part"].notna().all()

    def test_fits_a_printed_page_with_type_that_can_be_read(self, saved):
        """A4 upright or across, with margins of half an inch; no type below 6 points at that size."""
        figure = saved[0]
        width, height = sorted(figure.get_size_inches())
        assert width <= 7.6 and height <= 10.8, figure.get_size_inches()
        said = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        assert min(text.get_fontsize() for text in said) >= 6

    def test_has_an_alternative_text(self, saved, number):
        alt = drawing.shown(saved[1]).alt
        assert alt.startswith(f"Figure {number} · ") and len(alt) > 80

    def test_same_table_same_bytes_and_no_program_named(self, every, saved, number, tmp_path):
        figure, one = saved
        other = drawing.save(every[number](True), tmp_path / "deeper" / "b.png")
        for ending in (".png", ".pdf", ".csv"):
            assert one.with_suffix(ending).read_bytes() == other.with_suffix(ending).read_bytes()
        assert not [*tmp_path.rglob(".*"), *one.parent.rglob(".*")], "a half-written file stayed behind"
        with Image.open(one) as image:
            assert set(image.info) == {"dpi", "Title", "Description", "Comment"}
            assert image.info["Comment"] == (drawing.SYNTHETIC if number == 13 else drawing.STAMP)
            np.testing.assert_allclose(image.size, figure.get_size_inches() * drawing.DOTS_PER_INCH, atol=1)

    def test_text_stays_on_the_page(self, saved):
        figure = saved[0]
        figure.draw_without_rendering()
        width, height = figure.get_size_inches()
        used = figure.get_tightbbox()
        assert used.x0 >= 0 and used.x1 <= width, f"from {used.x0:.2f} to {used.x1:.2f} of {width:.2f} inches"
        assert used.y0 >= 0 and used.y1 <= height, f"from {used.y0:.2f} to {used.y1:.2f} of {height:.2f} inches"

    def test_leaves_its_tables_alone(self, every, number, personas, kappas, benchmark):
        before = [table.copy(deep=True) for table in (personas, kappas, benchmark)]
        every[number](True)
        for old, new in zip(before, (personas, kappas, benchmark), strict=True):
            pd.testing.assert_frame_equal(old, new)


def test_saving_moves_no_pixel_by_more_than_the_eye_sees(every, tmp_path):
    figure = every[6](True)
    figure.savefig(tmp_path / "raw.png", dpi=drawing.DOTS_PER_INCH, facecolor="white")
    raw, saved = (
        np.asarray(Image.open(p).convert("RGB"), int)
        for p in (tmp_path / "raw.png", drawing.save(figure, tmp_path / "s.png"))
    )
    assert np.abs(raw - saved).max() <= 4


class TestCatalogue:
    def test_reads_the_files_and_passes_the_schema(self, every, tmp_path):
        paths = [drawing.save(every[n](True), tmp_path / f"figure_{n:02d}.png") for n in (4, 13)]
        table = schema.check(drawing.catalogue(paths), "figures")
        assert table["figure"].tolist() == ["04", "13"]
        assert table["is_simulated"].tolist() == [True, False]
        assert table["sha256"][0] == hashlib.sha256(paths[0].read_bytes()).hexdigest()

    def test_missing_file_and_foreign_file_are_named(self, tmp_path):
        with pytest.raises(ValueError, match="no such figure"):
            drawing.catalogue([tmp_path / "none.png"])
        Image.new("RGB", (2, 2)).save(tmp_path / "plain.png")
        with pytest.raises(ValueError, match="plain.png: names no figure"):
            drawing.catalogue([tmp_path / "plain.png"])


class TestPicture:
    def test_is_stamped_closed_and_described(self):
        before = plt.get_fignums()
        figure, axes = plt.subplots(figsize=(2, 1))
        shown = drawing.picture(figure, alt="A line that rises.", stamps=[drawing.STAMP])
        data, about = shown._repr_mimebundle_()
        assert plt.get_fignums() == before and drawing.STAMP in [text.get_text() for text in figure.texts]
        assert about["image/png"]["alt"] == data["text/plain"] == "A line that rises. (Simulated respondents.)"
        assert shown.data.startswith(b"\x89PNG") and drawing.picture(figure, alt="Bare.").alt == "Bare."


SEEN_AS = {  # Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB: the table of their supplement
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "all colours": np.eye(3),
}


def lab(colour, seen_as):
    """CIE L*a*b* of an sRGB colour as somebody sees it, D65."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SEEN_AS[seen_as]) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours, seen_as="all colours", parts=slice(None)):
    """The smallest distance between two of the colours."""
    seen = [lab(colour, seen_as)[parts] for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("colours", [tuple(drawing.MODE_COLOURS.values()), drawing.SERIES], ids=["modes", "models"])
class TestPalette:
    """A difference of 10 in L*a*b* is seen at a glance; red and green of one lightness show that the test can fail."""

    @pytest.mark.parametrize("seen_as", SEEN_AS)
    def test_is_told_apart_by_the_colour_blind(self, colours, seen_as):
        assert nearest(colours, seen_as) > 20
        assert nearest(["#C00000", "#606000"], "protanopia") < 20 < nearest(["#C00000", "#606000"])

    def test_is_told_apart_in_grey(self, colours):
        assert nearest(colours, parts=slice(0, 1)) > 9
        assert nearest([drawing.BLUE, drawing.VERMILION], parts=slice(0, 1)) < 9


def test_a_model_keeps_its_colour_whoever_stands_beside_it():
    known = drawing.model_colours(["small", "large", "medium"])
    assert known["small"] == drawing.model_colours(["small"])["small"]
    others = drawing.model_colours(["gpt", "large", "claude"])
    assert others == drawing.model_colours(["claude", "gpt", "large"]) and len(set(others.values())) == 3
    assert len(set(drawing.model_colours(list("abcdef")).values())) == 6
    assert set(drawing.model_markers(list("abcdefgh"))) == set("abcdefgh")

"""What holds for every figure: number, stamp, page, bytes; and the catalogue of their files."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from persona_lib.showing import drawing
from persona_lib.tables import schema


@pytest.mark.parametrize("number", range(1, 14))
class TestEveryFigure:
    def test_names_its_number_and_carries_the_stamp_only_if_simulated(self, every, number):
        for simulated in (True, False):
            head = [text.get_text() for text in every[number](simulated).texts]
            assert head[0].startswith(f"Figure {number} · ")
            assert (drawing.STAMP in head) == simulated

    def test_same_table_same_bytes_and_no_program_named(self, every, number, tmp_path):
        figure = every[number](True)
        one = drawing.save(figure, tmp_path / "a.png")
        other = drawing.save(every[number](True), tmp_path / "deeper" / "b.png")
        assert one.read_bytes() == other.read_bytes()
        assert not list(tmp_path.rglob(".*")), "a half-written file stayed behind"
        with Image.open(one) as image:
            assert set(image.info) == {"dpi", "Title", "Comment"}
            assert image.info["Comment"] == drawing.STAMP
            np.testing.assert_allclose(image.size, figure.get_size_inches() * drawing.DOTS_PER_INCH, atol=1)

    def test_text_stays_on_the_page(self, every, number):
        figure = every[number](True)
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
        paths = [drawing.save(every[n](n != 13), tmp_path / f"figure_{n:02d}.png") for n in (4, 13)]
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

"""Fetching from the Census Bureau: a server on this machine misbehaves in each of the ways that have been seen."""

from pathlib import Path

import pytest
from census_server import BLOCK_PAGE, ROWS, WHOLE, page, whole, zip_of
from pums_rows import text_of, zipped

from persona_lib import cli
from persona_lib.acquisition import download, releases
from persona_lib.acquisition.download import DownloadError, Patience
from persona_lib.census import codebook

FORM = releases.zip_member(2018, "p", "ri")


def cut(n_bytes: int, tag: str = '"a"'):
    """The connection breaks after some bytes."""
    return lambda http: http.reply(200, WHOLE[:n_bytes], length=len(WHOLE), ETag=tag)


@pytest.fixture
def waits():
    return []


@pytest.fixture
def fetch(tmp_path, serve, waits):
    """Fetch csv_pri.zip from a scripted server; gives what was fetched and what the server saw."""

    def go(*script, form: str = FORM, tries: int = 4, progress=None):
        base, seen = serve(*script)
        with download.connect(timeout_s=2) as client:
            patience = Patience(tries=tries, sleep=waits.append)
            rest = {"member": form, "patience": patience, "progress": progress}
            found = download.fetch_zip(client, f"{base}/csv_pri.zip", tmp_path / "csv_pri.zip", **rest)
        return found, seen

    return go


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_and_is_kept(fetch, tmp_path, waits):
    found, seen = fetch(whole)
    assert found.n_records == {"csv_pri.zip/psam_p44.csv": 20} and found.is_new
    assert (tmp_path / "csv_pri.zip").read_bytes() == WHOLE and left(tmp_path) == ["csv_pri.zip"] and not waits
    again, seen = fetch(page(500))
    assert not again.is_new and again.sha256 == found.sha256 and not seen


def test_a_broken_transfer_goes_on_where_it_stopped(fetch, tmp_path, waits):
    _, seen = fetch(cut(1_000), cut(1_500, '"a"'), whole)
    assert (tmp_path / "csv_pri.zip").read_bytes() == WHOLE
    assert [headers.get("Range") for _, headers in seen] == [None, "bytes=1000-", "bytes=1500-"]
    assert waits == [1, 2]


def test_progress_is_told_in_bytes_of_the_whole_where_it_goes_on_too(fetch):
    told = []
    fetch(cut(1_000), whole, progress=lambda *each: told.append(each))
    assert (1_000, len(WHOLE)) in told and told[-1] == (len(WHOLE), len(WHOLE)) and told == sorted(told)


def test_a_later_call_goes_on_too(fetch, tmp_path):
    with pytest.raises(DownloadError, match="RemoteProtocolError, 1 times; the same command goes on"):
        fetch(cut(1_000), tries=1)
    assert left(tmp_path) == ["csv_pri.zip.part", "csv_pri.zip.part.tag"]
    _, seen = fetch(whole)
    assert seen[0][1]["Range"] == "bytes=1000-" and left(tmp_path) == ["csv_pri.zip"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(fetch, tmp_path):
    _, seen = fetch(cut(1_000, '"older"'), whole)
    assert seen[1][1]["If-Range"] == '"older"' and (tmp_path / "csv_pri.zip").read_bytes() == WHOLE


def test_all_bytes_at_hand_but_not_yet_in_place(fetch, tmp_path):
    (tmp_path / "csv_pri.zip.part").write_bytes(WHOLE)
    (tmp_path / "csv_pri.zip.part.tag").write_text('"a"')
    found, seen = fetch(page(416))
    assert found.n_records["csv_pri.zip/psam_p44.csv"] == 20 and len(seen) == 1


def test_a_server_that_sends_another_part_than_asked_for(fetch, tmp_path):
    wrong = lambda http: http.reply(206, WHOLE[5:], ETag='"a"', Content_Range=f"bytes 5-{len(WHOLE) - 1}/{len(WHOLE)}")  # noqa: E731
    fetch(cut(1_000), wrong, whole)
    assert (tmp_path / "csv_pri.zip").read_bytes() == WHOLE


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 524])
def test_passing_faults_are_tried_again_with_growing_waits(fetch, waits, status):
    fetch(page(status), page(status), whole)
    assert waits == [1, 2]


def test_the_server_may_say_how_long_to_wait(fetch, waits):
    fetch(page(429, Retry_After="7"), page(503, Retry_After="900"), whole)
    assert waits == [7, 60]


@pytest.mark.parametrize("status", [520, 524])
def test_a_fault_that_does_not_pass(fetch, tmp_path, waits, status):
    with pytest.raises(DownloadError, match=f"csv_pri.zip: status {status}, 4 times"):
        fetch(page(status))
    assert waits == [1, 2, 4] and left(tmp_path) == []


@pytest.mark.parametrize("status", [200, 403])
def test_html_block_page_saved_as_zip(fetch, tmp_path, waits, status):
    with pytest.raises(DownloadError, match=r"HTML page|a page .*'Request Rejected'.*blocks this client"):
        fetch(page(status))
    assert left(tmp_path) == [] and not waits


def test_html_page_that_says_it_is_a_zip(fetch, tmp_path):
    with pytest.raises(DownloadError, match="an HTML page in place of the zip"):
        fetch(lambda http: http.reply(200, b"\n <!DOCTYPE html><p>maintenance", Content_Type="application/zip"))
    assert left(tmp_path) == []


def test_body_that_is_neither_page_nor_zip(fetch):
    with pytest.raises(DownloadError, match=r"not a zip \(no PK signature\): b'hello'"):
        fetch(lambda http: http.reply(200, b"hello", Content_Type="application/zip"))


def test_missing_file_and_moved_file(fetch):
    with pytest.raises(DownloadError, match=r"no such file or data set \(404\)"):
        fetch(page(404))
    with pytest.raises(DownloadError, match="the server moved the request"):
        fetch(page(302, Location="https://elsewhere.example/"))


def test_truncation_that_the_server_does_not_notice(fetch, tmp_path, waits):
    short = lambda http: http.reply(200, WHOLE[:-40], ETag='"a"')  # noqa: E731
    with pytest.raises(DownloadError, match="a truncated or damaged zip .*, 4 times"):
        fetch(short)
    assert left(tmp_path) == [] and waits == [1, 2, 4]
    fetch(short, whole)
    assert (tmp_path / "csv_pri.zip").read_bytes() == WHOLE


def test_damage_inside_a_member_is_found(fetch, tmp_path):
    broken = bytearray(WHOLE)
    broken[200:240] = bytes(40)
    with pytest.raises(DownloadError, match="psam_p44.csv: a truncated or damaged file"):
        fetch(lambda http: http.reply(200, bytes(broken)), tries=2)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"psam_p45.csv": text_of(ROWS)}, r"no member of the form psam_p44\\.csv; it holds psam_p45.csv"),
        ({"psam_p44.csv": text_of(ROWS).split("\n")[0] + "\n"}, "a header without a single record"),
        ({"psam_p44.csv": text_of(ROWS)[:-90]}, "the last record is torn"),
    ],
)
def test_zip_of_another_state_or_without_records(fetch, tmp_path, members, words):
    with pytest.raises(DownloadError, match=words):
        fetch(lambda http: http.reply(200, zip_of(members)), tries=1)
    assert left(tmp_path) == []


def test_a_damaged_file_at_hand_is_fetched_again(fetch, tmp_path):
    (tmp_path / "csv_pri.zip").write_bytes(BLOCK_PAGE)
    found, _ = fetch(whole)
    assert found.is_new and (tmp_path / "csv_pri.zip").read_bytes() == WHOLE


def test_nobody_listens_and_no_address(tmp_path, waits):
    with download.connect(timeout_s=1) as client:
        patience = Patience(tries=2, sleep=waits.append)
        for url, words in (("http://127.0.0.1:9/x.zip", "ConnectError, 2 times"), ("nonsense", "no address")):
            with pytest.raises(DownloadError, match=words):
                download.fetch_zip(client, url, tmp_path / "x.zip", member=FORM, patience=patience)


DICTIONARY = b"""VAL,SERIALNO,C,13,"2018GQ0000001","2018HU9999999","identifier"
NAME,SEX,C,1,"Sex"
VAL,SEX,C,1,"1","1","Male"
VAL,SEX,C,1,"2","2","Female"
"""


class TestDictionary:
    @pytest.fixture
    def ask(self, tmp_path, serve, waits):
        def go(*script, tries: int = 3):
            base, seen = serve(*script)
            with download.connect(timeout_s=2) as client:
                to = tmp_path / "dictionaries" / "PUMS_Data_Dictionary_2018.csv"
                patience = Patience(tries=tries, sleep=waits.append)
                return download.fetch_dictionary(client, f"{base}/{to.name}", to, patience=patience), seen

        return go

    @staticmethod
    def gives(body: bytes, status: int = 200):
        return lambda http: http.reply(status, body, Content_Type="text/csv")

    def test_comes_whole_and_reads_as_one_after_faults_that_pass(self, ask, tmp_path, waits):
        cut_short = lambda http: http.reply(200, DICTIONARY[:60], length=len(DICTIONARY))  # noqa: E731
        path, seen = ask(page(503, Retry_After="7"), cut_short, self.gives(DICTIONARY))
        assert path.read_bytes() == DICTIONARY and left(path.parent) == ["PUMS_Data_Dictionary_2018.csv"]
        assert waits == [7, 2] and len(seen) == 3 and seen[0][0].endswith("/PUMS_Data_Dictionary_2018.csv")
        found = codebook.read_dictionary(path)
        assert found["label"].tolist() == ["Male", "Female"] and set(found["dictionary_year"]) == {2018}

    @pytest.mark.parametrize(
        ("script", "words", "waited"),
        [
            (page(200), r"an HTML page in place of the dictionary \('Request Rejected'\): it blocks this client", []),
            (page(403), r"status 403: the server sent a page \('Request Rejected'\)", []),
            (page(404), r"no such file or data set \(404\); is it published for this year", []),
            (page(302, Location="https://elsewhere.example/"), "the server moved the request", []),
            (page(500), "status 500, 3 times", [1, 2]),
            (cut(40), "RemoteProtocolError, 3 times", [1, 2]),
            (
                lambda http: http.reply(200, b"SERIALNO,SEX\n1,2\n"),
                "neither the shipped labels nor a PUMS data dict",
                [],
            ),
            (lambda http: http.reply(200, b""), "neither the shipped labels nor a PUMS data dictionary", []),
            (lambda http: http.reply(200, WHOLE), "neither the shipped labels nor a PUMS data dictionary", []),
            (lambda http: http.reply(200, b'VAL,SEX,C,1,"1","1","Male"\n'), "a dictionary without its year", []),
        ],
    )
    def test_one_line_names_the_address_and_nothing_is_left(self, ask, tmp_path, waits, script, words, waited):
        with pytest.raises(DownloadError, match=rf"http://127.*/PUMS_Data_Dictionary_2018.csv: .*{words}") as error:
            ask(script)
        assert "\n" not in str(error.value) and waits == waited
        assert left(tmp_path / "dictionaries") == []

    def test_what_was_there_stays_where_nothing_better_comes(self, ask, tmp_path):
        path, _ = ask(self.gives(DICTIONARY))
        with pytest.raises(DownloadError):
            ask(page(200))
        assert path.read_bytes() == DICTIONARY

    @pytest.mark.parametrize(
        ("more", "name"),
        [([], "PUMS_Data_Dictionary_2018.csv"), (["--span", "5"], "PUMS_Data_Dictionary_2014-2018.csv")],
    )
    def test_persona_census_dictionary_says_how_to_use_it(self, serve, tmp_path, capsys, more, name):
        base, seen = serve(self.gives(DICTIONARY))
        words = ["census", "dictionary", "--year", "2018", *more, "--to", str(tmp_path), "--base", base]
        assert cli.main(words) == 0
        assert seen[0][0] == f"/{name}" and (tmp_path / "dictionaries" / name).read_bytes() == DICTIONARY
        assert f"make paper CENSUS=... DICTIONARY={tmp_path}/dictionaries/{name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "path", "form", "members"),
    [
        ((2018, 1, "p", "VT"), "2018/1-Year/csv_pvt.zip", "psam_p50.csv", 1),
        ((2023, 5, "h", "dc"), "2023/5-Year/csv_hdc.zip", "psam_h11.csv", 1),
        ((2016, 1, "p", "pr"), "2016/1-Year/csv_ppr.zip", "ss16ppr.csv", 1),
        ((2023, 1, "p", "us"), "2023/1-Year/csv_pus.zip", "psam_pusb.csv", 2),
    ],
)
def test_official_places(tmp_path, arguments, path, form, members):
    year, _, kind, state = arguments
    assert releases.zip_path(*arguments) == path
    held = dict.fromkeys([form, "psam_pusa.csv", "psam_p72.csv", "ss15pus.csv", "readme.pdf"], text_of(ROWS))
    place = zipped(tmp_path / "x.zip", held)
    assert len(download.count_records(place, releases.zip_member(year, kind, state))) == members

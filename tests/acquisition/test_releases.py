"""The Census API: answers in its own spelling, and each way in which it refuses; the key shows up nowhere."""

import pytest
from census_server import KEY, PEOPLE, answer, run, says
from pums_rows import ADULT, CHILD, LABELS, WIFE, described, replicate_weights, text_of

from persona_lib.acquisition import download, releases
from persona_lib.acquisition.download import DownloadError, Patience
from persona_lib.census import codebook, pums
from persona_lib.census.archives import PumsError
from persona_lib.tables import schema


def ask(serve, *script, key: str = KEY, tries: int = 2):
    base, seen = serve(*script)
    query = releases.api_queries(2018, "ri")[0]
    with download.connect(timeout_s=2) as client:
        patience = Patience(tries=tries, sleep=lambda _: None)
        return download.ask(client, f"{base}/2018/acs/acs1/pums", query, key=key, patience=patience), seen


def test_api_rows_read_like_the_official_file(serve, tmp_path, capsys):
    base, seen = serve(answer)
    assert run(base, tmp_path) == 0
    assert len(seen) == 3 and "3 persons" in capsys.readouterr().out
    (tmp_path / "psam_p44.csv").write_text(text_of([ADULT, WIFE, CHILD]), "utf-8")
    labels, tables = codebook.read_dictionary(LABELS), []
    for path in (tmp_path / "api/pums_2018_1-Year_ri.csv.gz", tmp_path / "psam_p44.csv"):
        persons, homes = pums.read_files(path)
        tables.append(schema.check(described(persons, households=homes, dictionary=labels), "census"))
        assert len(replicate_weights(persons)) == (3 if path.suffix == ".gz" else 0)
    by_api, by_file = tables
    own = ["family_presence", "household_derived", "unflagged"]  # the API has the household's own record, and flags
    assert by_api.drop(columns=own).equals(by_file.drop(columns=own))
    assert set(by_api["household_derived"]) == {""}
    assert set(by_api["unflagged"]) == {"household_language+household_type+family_presence"}
    assert set(by_file["household_derived"]) == {"household_type+family_presence+household_language"}
    assert set(by_api["family_presence"]) == {"Own children under 6 only"}


def test_questions_name_the_columns_of_their_year():
    def asked(year: int) -> set[str]:
        return {c for query in releases.api_queries(year, "dc") for c in query["get"].split(",")}

    assert {"RELP", "ST"} <= asked(2018) and not {"RELSHIPP", "STATE"} & asked(2018)
    assert {"RELSHIPP", "ST"} <= asked(2022) and {"RELSHIPP", "STATE"} <= asked(2023)
    assert all(query["get"].startswith("SERIALNO,SPORDER,") for query in releases.api_queries(2023, "dc"))
    assert releases.api_queries(2023, "pr")[0]["for"] == "state:72"
    with pytest.raises(PumsError, match="one state at a time"):
        releases.api_queries(2018, "us")


@pytest.mark.parametrize(
    ("page", "words"),
    [("missing_key.html", "answers only with a key.*CENSUS_API_KEY"), ("invalid_key.html", "refuses the key")],
)
def test_a_missing_key_is_a_redirect_to_a_page(serve, page, words):
    with pytest.raises(DownloadError, match=words):
        ask(serve, says(302, Location=f"https://api.census.gov/data/{page}"), key="")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (says(200, b"<html><title>Missing Key</title></html>"), "an HTML page in place of the answer"),
        (says(403, b"<html>Request Rejected</html>"), "status 403: .*'Request Rejected'"),
        (says(400, f"error: unknown variable 'RELP' (key={KEY})".encode()), r"status 400: error: unknown .*key=\*\*\*"),
        (says(404, b"nothing"), r"\(404\); is it published"),
        (says(204), "no records for state:44"),
        (says(500, b"error"), "status 500, 2 times"),
        (says(200, b'[["SERIALNO"],["1"'), "a broken answer .*, 2 times"),
        (says(200, b'[["SERIALNO","SPORDER"],["1"]]'), "rows of unequal length"),
        (says(200, b'{"error": "busy"}'), "not a list of rows"),
    ],
)
def test_each_way_in_which_the_api_refuses(serve, script, words):
    with pytest.raises(DownloadError, match=words) as caught:
        ask(serve, script)
    assert KEY not in str(caught.value)


def test_answers_about_different_persons_are_not_joined(serve):
    answers = [ask(serve, lambda http, n=n: answer(http, PEOPLE[:n]))[0] for n in (3, 2)]
    with pytest.raises(PumsError, match="different persons"):
        releases.api_rows(answers, year=2018, dictionary=codebook.read_dictionary(LABELS))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((2020, 1, "p", "vt"), "2020: there is no standard 1-year file"),
        ((2014, 1, "p", "vt"), "2014: PUMS of 2015 to 2024"),
        ((2018, 1, "p", "xx"), "xx: no area"),
    ],
)
def test_what_is_not_published(arguments, words):
    with pytest.raises(PumsError, match=words):
        releases.zip_path(*arguments)

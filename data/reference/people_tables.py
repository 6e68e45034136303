"""Make people_shares.csv and people_statistics.csv: what real people answered, as aggregates.

    python data/reference/people_tables.py FOLDER

FOLDER holds gss2018_spending.csv.gz, gss_abortion_by_year.csv.gz, cces2016.csv.gz, wvs_usa.csv.gz and
polis_bowling_green_participants-votes.csv.gz, which are not shipped; the ANES 1996 comes with statsmodels. No record
of a person leaves this program, and no cell of fewer than ten people.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
import statsmodels.api as sm

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from persona_lib.people import tables  # noqa: E402
from persona_lib.people.layouts import layouts, read_people, respondents  # noqa: E402
from persona_lib.people.polis import conversation_statistics, read_votes  # noqa: E402

FILES = {
    "gss2018_spending": "gss2018_spending.csv.gz",
    "gss2018_abortion": "gss_abortion_by_year.csv.gz",
    "cces2016": "cces2016.csv.gz",
    "wvs2011": "wvs_usa.csv.gz",
}
POLIS, POLIS_YEAR = "polis_bowling_green_participants-votes.csv.gz", 2018


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files lie")
    folder = parser.parse_args().folder
    people = {source: read_people(folder / file, source) for source, file in FILES.items()}
    people["anes1996"] = respondents(sm.datasets.anes96.load_pandas().data, "anes1996")
    answers = tables.answers(pd.read_csv(REPO / "data/reference/survey_items.csv", dtype=str))
    shown, measured = [], []
    for source, table in people.items():
        year = layouts()[source]["year"]
        shares, statistics = tables.reference(table, answers[source], source=source, year=year)
        shown.append(shares)
        measured.append(statistics)
    votes, group = read_votes(folder / POLIS)
    rows = pd.DataFrame(conversation_statistics(votes, group))
    measured.append(rows.assign(source="polis_bowling_green", year=POLIS_YEAR)[tables.STATISTICS])
    for name, parts in (("people_shares", shown), ("people_statistics", measured)):
        tables.write(pd.concat(parts), REPO / f"data/reference/{name}.csv")


if __name__ == "__main__":
    main()

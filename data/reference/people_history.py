"""Make people_history.csv: how well real people's choices are told from past answers and from a description.

    python data/reference/people_history.py FOLDER

FOLDER holds gss2018_spending.csv.gz, which is not shipped; the ANES 1996 comes with statsmodels. Aggregates only.
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
from persona_lib.people.history import history_statistics  # noqa: E402
from persona_lib.people.layouts import layouts, read_people, respondents  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the file lies")
    folder = parser.parse_args().folder
    answers = tables.answers(pd.read_csv(REPO / "data/reference/survey_items.csv", dtype=str))
    gss, anes = "gss2018_spending", "anes1996"
    people = {gss: read_people(folder / "gss2018_spending.csv.gz", gss)}
    people[anes] = respondents(sm.datasets.anes96.load_pandas().data, anes)
    rows = [
        pd.DataFrame(history_statistics(table, answers[source])).assign(source=source, year=layouts()[source]["year"])
        for source, table in people.items()
    ]
    tables.write(pd.concat(rows)[tables.STATISTICS], REPO / "data/reference/people_history.csv")


if __name__ == "__main__":
    main()

"""Hand-made PUMS rows, and where the official files lie if they are at hand."""

import csv
import io
import zipfile
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from persona_lib.census import codebook, columns, pums, records
from persona_lib.tables import schema

ROOT = Path(__file__).parents[1]
PUMS = ROOT.parent / "shared" / "pums"
LABELS = ROOT / "data" / "reference" / "pums_labels.csv.gz"
SAMPLE = ROOT / "data" / "reference" / "census_sample.csv.gz"
needs_pums = pytest.mark.skipif(not PUMS.is_dir(), reason="the official PUMS files are not at hand")

ADULT = {
    **{"RT": "P", "SERIALNO": "2018HU0000001", "SPORDER": "01", "PUMA": "00100", "ST": "44", "ADJINC": "1013097"},
    **{"PWGTP": "87", "AGEP": "43", "SEX": "1", "RELP": "00", "PINCP": "50000", "RAC1P": "1", "HISP": "01"},
    **{"ANC1P": "050", "NATIVITY": "1", "CIT": "1", "POBP": "044", "LANX": "2", "LANP": "", "ENG": "", "SCHL": "21"},
    **{"ESR": "1", "COW": "1", "INDP": "4971", "OCCP": "4720", "MAR": "1", "MIL": "4", "DIS": "2", "HICOV": "1"},
    **{"DREM": "2", "DEYE": "2", "DEAR": "2", "FER": ""},
}
CHILD = ADULT | {
    **{"SPORDER": "03", "AGEP": "4", "SEX": "2", "RELP": "02", "PINCP": "", "SCHL": "02", "ESR": "", "COW": ""},
    **{"INDP": "", "OCCP": "", "MAR": "5", "MIL": "", "DREM": "", "LANX": ""},
}
WIFE = ADULT | {"SPORDER": "02", "AGEP": "41", "SEX": "2", "RELP": "01", "FER": "2"}


read_labels = cache(codebook.read_dictionary)


def described(persons: pd.DataFrame, *, households: pd.DataFrame, dictionary: pd.DataFrame) -> pd.DataFrame:
    """The census table of PUMS rows, all parts together, in the order of the rows."""
    made = pd.concat(records.describe_parts(persons, households=households, dictionary=dictionary))
    return made.set_index("person_id").loc[person_ids(persons)].reset_index()[list(made)]


def person_ids(persons: pd.DataFrame) -> pd.Series:
    serial = persons["SERIALNO"].astype("str")
    return serial.str[:4] + "-" + serial + "-" + persons["SPORDER"].astype("str").str.zfill(2)


def replicate_weights(persons: pd.DataFrame) -> pd.DataFrame:
    """The table of replicate weights of PUMS rows, straight from their text; no rows where they have none."""
    names = {column: f"replicate_{number:02d}" for number, column in enumerate(columns.REPLICATES, start=1)}
    if columns.REPLICATES[0] not in persons:
        return pd.DataFrame(columns=["person_id", *names.values()])
    rows = persons[persons[columns.REPLICATES[0]].notna()]
    return rows[list(names)].astype("int64").rename(columns=names).assign(person_id=person_ids(rows))


def text_of(rows: list[dict]) -> str:
    """Rows as a CSV text, columns in the order of the first row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def read(tmp_path: Path, rows: list[dict], *, dictionary: Path = LABELS, name: str = "psam_p44.csv") -> pd.DataFrame:
    """The census table of hand-written PUMS rows."""
    path = tmp_path / name
    path.write_text(text_of(rows), "utf-8")
    persons, homes = pums.read_files(path)
    made = described(persons, households=homes, dictionary=read_labels(dictionary))
    return schema.check(made, "census")


def one(tmp_path: Path, **changes: str) -> pd.Series:
    """The census row of one changed adult."""
    return read(tmp_path, [ADULT | changes]).iloc[0]


def household(*members: tuple[str, str, str, str], **changes: str) -> list[dict]:
    """A hand-made household: (RELP, AGEP, SEX, MAR) per member."""
    return [
        ADULT | {"SPORDER": f"{k:02d}", "RELP": r, "AGEP": a, "SEX": s, "MAR": m, "FER": "", **changes}
        for k, (r, a, s, m) in enumerate(members, start=1)
    ]


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


@cache
def tables_of(*files: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Census and replicates of PUMS files, read once; a test that changes a table changes a copy."""
    persons, homes = pums.read_files(list(files))
    made = described(persons, households=homes, dictionary=read_labels(LABELS))
    return schema.check(made, "census"), schema.check(replicate_weights(persons), "replicates")


def seven_states() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Census and replicates of the seven official files of 2018."""
    return tables_of(*sorted(PUMS.glob("csv_p??.zip")))


def few(sample: tuple, n: int = 4) -> pd.DataFrame:
    """The first n adults of the sample, to be given other weights and ages."""
    rows = sample[0]
    return rows[rows["age_years"] >= 18].head(n).reset_index(drop=True)

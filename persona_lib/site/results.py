"""Where the results of a run lie that the site shows: a run's own folder, or what is committed of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from persona_lib.tables import schema
from persona_lib.tables.files import read_yaml

STAMP = "stamp.yaml"  # what the committed small results of a run were made of
TABLES, FIGURES = Path("data/expected"), Path("figures/expected")  # where the committed results of each run lie
SIMULATE = "simulate"


class SiteError(ValueError):
    """What the site is to show is not there or cannot be read; names it and says what to do."""


@dataclass(frozen=True)
class Results:
    """One run's results: where its tables and figures lie, its notebooks where they are kept, its configuration."""

    tables: Path
    figures: Path
    configuration: Mapping[str, Any]
    notebooks: Path | None = None

    @property
    def run(self) -> str:
        """The name of the run."""
        return self.configuration["run"]

    @property
    def is_simulated(self) -> bool:
        """Whether the answers came from the simulator."""
        return self.configuration["mode"] == SIMULATE

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables, checked.

        Raises
        ------
        SchemaError
            The table is missing or not as declared.
        """
        return schema.read(self.tables / f"{name}.parquet", name)


def found_results(run: str, *, root: Path) -> Results:
    """The results of a run: of its folder, or, for the demo that was not run here, those that are committed.

    Parameters
    ----------
    run : its name
    root : the folder of the compendium

    Raises
    ------
    SiteError
        The run has not come to its claims, or its configuration is not there.
    """
    folder = root / "data/runs" / run
    if (folder / "claims.parquet").is_file():
        settings = _settings(folder / "configuration.yaml")
        return Results(folder, root / "figures/runs" / run, settings, folder / "notebooks")
    if run == "demo":
        settings = _settings(root / "config/demo.yaml")
        return Results(root / TABLES / run, root / FIGURES / run, settings, root / "notebooks")
    raise SiteError(f"{folder / 'claims.parquet'}: no such file; the run has not ended: make paper RUN={run}")


def committed_others(root: Path, *, shown: str) -> list[Results]:
    """The runs whose small results are committed, by name, without the one that is shown.

    Parameters
    ----------
    root : the folder of the compendium
    shown : the name of the run that the site shows
    """
    stamps = sorted((root / TABLES).glob(f"*/{STAMP}"))
    return [
        Results(path.parent, root / FIGURES / path.parent.name, read_yaml(path)["configuration"])
        for path in stamps
        if path.parent.name != shown
    ]


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SiteError(f"{path}: no such file; make paper writes it")
    return read_yaml(path)

"""`persona census`: fetch PUMS from the Census Bureau, as zips or by its API, and dictionaries, into data/raw."""

from __future__ import annotations

import argparse
import os
import shlex
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from persona_lib.commands.inputs import Help

EXAMPLES = {
    "download": "persona census download --year 2023 --states vt dc",
    "api": "persona census api --year 2023 --states vt --no-replicates",
    "dictionary": "persona census dictionary --year 2023",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The ways of `persona census`, each with its arguments and an example."""
    ways = parser.add_subparsers(title="ways", required=True, metavar="WAY")
    about = "official zips; a broken download goes on where it stopped"
    download = _way(ways, "download", about)
    download.add_argument("--kinds", nargs="+", choices=["p", "h"], default=["p", "h"], help="persons, households")
    download.add_argument(
        "--base", default="", metavar="URL", help="root of the PUMS files; the official one if not given"
    )
    download.set_defaults(run=_download)
    about = "person rows with household variables joined, by the Census API"
    api = _way(ways, "api", about)
    api.add_argument("--key-variable", default="CENSUS_API_KEY", metavar="NAME", help="environment variable of the key")
    api.add_argument("--no-replicates", action="store_true", help="without the 80 replicate weights")
    api.add_argument("--dictionary", default="data/reference/pums_labels.csv.gz", metavar="FILE", help="labels")
    api.add_argument("--base", default="", metavar="URL", help="root of the API; the official one if not given")
    api.set_defaults(run=_ask_census)
    about = "the official data dictionary of a year: what the codes of its files mean"
    dictionary = _way(ways, "dictionary", about)
    dictionary.add_argument("--base", default="", metavar="URL", help="their folder; the official one if not given")
    dictionary.set_defaults(run=_fetch_dictionary)
    for way in (download, api, dictionary):
        way.add_argument("--year", type=int, required=True, help="2015 to 2024; of a 5-year file, the last")
        way.add_argument("--span", type=int, choices=[1, 5], default=1, help="1-year or 5-year file")
        way.add_argument("--to", default="data/raw", metavar="DIR", help="where the files go")
    for way in (download, api):
        way.add_argument(
            "--states", nargs="+", required=True, help="postal codes, DC, PR; to download also us: the nation"
        )
        way.add_argument("--quiet", action="store_true", help="no progress bar")


def _way(ways: argparse._SubParsersAction, name: str, about: str) -> argparse.ArgumentParser:
    return ways.add_parser(
        name, help=about, description=about, epilog=f"example:\n  {EXAMPLES[name]}", formatter_class=Help
    )


def _download(chosen: argparse.Namespace) -> None:
    download, releases = (
        import_module("persona_lib.acquisition.download"),
        import_module("persona_lib.acquisition.releases"),
    )
    wanted = [(kind, releases.area(state)) for state in chosen.states for kind in chosen.kinds]
    paths = [releases.zip_path(chosen.year, chosen.span, kind, state) for kind, state in wanted]
    base = (chosen.base or download.FILES).rstrip("/")
    with download.connect() as client:
        for (kind, state), path in zip(wanted, paths, strict=True):
            with tqdm(desc=Path(path).name, unit="B", unit_scale=True, disable=chosen.quiet, leave=False) as bar:
                fetched = download.fetch_zip(
                    client,
                    f"{base}/{path}",
                    Path(chosen.to) / path,
                    member=releases.zip_member(chosen.year, kind, state),
                    progress=lambda at, total, bar=bar: _show(bar, at, total),
                )
            n_records = sum(fetched.n_records.values())
            word = "fetched" if fetched.is_new else "already there"
            print(f"{fetched.path}: {word}: {n_records:,} records, sha256 {fetched.sha256}", flush=True)


def _fetch_dictionary(chosen: argparse.Namespace) -> None:
    download, releases = (
        import_module("persona_lib.acquisition.download"),
        import_module("persona_lib.acquisition.releases"),
    )
    name = releases.dictionary_name(chosen.year, chosen.span)
    base = (chosen.base or download.DICTIONARIES).rstrip("/")
    with download.connect() as client:
        path = download.fetch_dictionary(client, f"{base}/{name}", Path(chosen.to) / "dictionaries" / name)
    print(f"{path}: fetched; make paper CENSUS=... DICTIONARY={shlex.quote(str(path))}", flush=True)


def _show(bar: tqdm, at: int, total: int | None) -> None:
    bar.total = total
    bar.update(at - bar.n)


def _ask_census(chosen: argparse.Namespace) -> None:
    download, releases = (
        import_module("persona_lib.acquisition.download"),
        import_module("persona_lib.acquisition.releases"),
    )
    dictionary = import_module("persona_lib.census.codebook").read_dictionary(chosen.dictionary)
    base, key = (chosen.base or download.API).rstrip("/"), os.environ.get(chosen.key_variable, "")
    asked = {
        state: releases.api_queries(chosen.year, state, replicates=not chosen.no_replicates) for state in chosen.states
    }
    with download.connect(timeout_s=600) as client:
        for state, queries in asked.items():
            url = f"{base}/{releases.api_path(chosen.year, chosen.span, state)}"
            bar = tqdm(queries, desc=state, unit="question", disable=chosen.quiet, leave=False)
            answers = [download.ask(client, url, query, key=key) for query in bar]
            rows = releases.api_rows(answers, year=chosen.year, dictionary=dictionary)
            name = f"pums_{chosen.year}_{releases.release(chosen.year, chosen.span)}_{releases.area(state)}.csv.gz"
            path = Path(chosen.to) / "api" / name
            releases.write_rows(rows, path)
            print(f"{path}: {len(rows):,} persons", flush=True)

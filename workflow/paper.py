"""`make paper`: run the Snakefile, one run at a time, and say where the results are."""

import argparse
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from workflow.surroundings import pinned

LOCK = Path("data/runs/.lock")


def main() -> int:
    """Run Snakemake for the run named on the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="demo", help="config/<run>.yaml")
    parser.add_argument("--until", default="", help="stop after this rule")
    parser.add_argument("--census", default="", help="PUMS person files, separated by blanks")
    parser.add_argument("--prompts", default="", help="a prompt bank: .csv, or PRISM's conversations.jsonl")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("rest", nargs="*", help="further arguments for snakemake")
    args = parser.parse_args()
    config_file = Path("config") / f"{args.run}.yaml"
    if not config_file.is_file():
        known = sorted(p.stem for p in Path("config").glob("*.yaml") if p.stem != "schema")
        sys.exit(f"{config_file}: no such file; RUN is one of {', '.join(known)}")
    if args.run == "real" and not args.census:
        sys.exit('RUN=real reads census files of yours: make paper RUN=real CENSUS="csv_pvt.zip csv_pri.zip"')
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run is under way here ({LOCK} is held); wait for it, or stop it")
        environment = pinned(Path())
        _clear_remains(environment)
        command = ["snakemake", "--workflow-profile", "profiles/default", "--cores", str(args.cores)]
        command += ["--configfile", str(config_file), *_overrides(args)]
        command += ["--until", *args.until.split()] if args.until else []
        status = subprocess.run([*command, *args.rest], env=environment, check=False).returncode
    if status == 0:
        _say_where(_run_name(config_file))
    return status


def _overrides(args: argparse.Namespace) -> list[str]:
    changes = {}
    if args.census:
        changes["census"] = {"files": args.census.split()}
    if args.prompts:
        changes["prompts"] = {"bank": args.prompts}
    return ["--config", *(f"{key}={json.dumps(value)}" for key, value in changes.items())] if changes else []


def _clear_remains(environment: dict[str, str]) -> None:
    """Remove what a killed run left behind: Snakemake's lock and half-written files. We hold the only lock."""
    for half in LOCK.parent.rglob(".*.half"):
        half.unlink()
    if any(Path(".snakemake/locks").glob("*")):
        subprocess.run(["snakemake", "--unlock", "--cores", "1"], env=environment, check=True, capture_output=True)


def _run_name(config_file: Path) -> str:
    return yaml.safe_load(config_file.read_text("utf-8")).get("run", "demo")


def _say_where(run: str) -> None:
    claims = Path(f"data/runs/{run}/claims.parquet")
    print(f"\ntables     data/runs/{run}/*.parquet")
    print(f"notebooks  data/runs/{run}/notebooks/")
    print(f"figures    figures/runs/{run}/")
    print(f"claims     {claims}" if claims.exists() else "claims     not reached yet")


if __name__ == "__main__":
    sys.exit(main())

"""What packages of tests share: published totals, the shipped sample, a scripted server; and Ctrl-C for all."""

import gc
import os
import signal
from pathlib import Path

from workflow.surroundings import PINNED

# as under make test, and before numpy is there: small fits take nine times as long on threads that wait for each other
os.environ |= {name: value for name, value in PINNED.items() if name.endswith("_NUM_THREADS")}

import pandas as pd  # noqa: E402
import pytest  # noqa: E402
from misbehaving import serving  # noqa: E402
from pums_rows import tables_of  # noqa: E402

from persona_lib.census import published  # noqa: E402

REFERENCE = Path(__file__).parents[1] / "data" / "reference"

# a run that was started in the background ignores Ctrl-C, and so would the processes whose Ctrl-C is tested
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and under nohup the end of the session


def pytest_collection_finish():
    """What all modules and tests made while they were read stays, so the collector need not walk it each time.

    Statsmodels' `multipletests` collects at each call: 0.3 s with everything imported.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def totals() -> pd.DataFrame:
    return published.read_published(REFERENCE / "published_acs2018_1yr.csv.gz")


@pytest.fixture(scope="module")
def sample() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Census and replicates of the shipped sample."""
    return tables_of(REFERENCE / "census_sample.csv.gz")


@pytest.fixture
def serve(monkeypatch):
    """Start a server with a script; gives its address and the list of requests that it sees."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as start:
        yield start

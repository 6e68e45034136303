"""A number in a sentence: as a percentage, in percentage points or plain, as precisely as its interval allows.

Every finding that closes a notebook is written with these functions, so that a reader meets one notation. No more
digits are shown than the interval supports: where its half-width is two units of a digit or more, the next digit says
nothing. What is in brackets is the 95 % interval.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from persona_lib.estimating.resample import TOO_FEW
from persona_lib.tables.files import read_yaml

BRACKETS = "In brackets: 95 % intervals."

UNITS = read_yaml(Path(__file__).with_name("statistics.yaml"))  # the names of each unit
SHARES, DIFFERENCES, DISTANCES = (frozenset(UNITS[unit]) for unit in ("shares", "differences", "distances"))


def percentage(share: float, low: float = np.nan, high: float = np.nan) -> str:
    """A share as a percentage, with its 95 % interval where it has one.

    Parameters
    ----------
    share, low, high : in [0, 1]; a missing end leaves the interval out

    Examples
    --------
    >>> percentage(0.3412, 0.28, 0.407), percentage(0.0071, 0.0032, 0.0148), percentage(0.9868)
    ('34 % (28 to 41)', '0.7 % (0.3 to 1.5)', '99 %')
    >>> percentage(float("nan"))
    'undefined'
    """
    return _told(100 * share, 100 * low, 100 * high, unit=" %")


def points(difference: float, low: float = np.nan, high: float = np.nan, *, signed: bool = True) -> str:
    """A difference of two shares in percentage points, with its sign and its 95 % interval where it has one.

    Examples
    --------
    >>> points(0.02247, -0.098, 0.143), points(-0.0102, -0.013, -0.007)
    ('+2 points (-10 to +14)', '-1.0 points (-1.3 to -0.7)')
    >>> points(0.266, 0.15, 0.382, signed=False), points(0.01, -0.1, 0.2)
    ('27 points (15 to 38)', '+1 point (-10 to +20)')
    """
    text = _told(100 * difference, 100 * low, 100 * high, unit=" points", sign="+" if signed else "")
    return text.replace("1 points", "1 point") if text.lstrip("+-").startswith("1 points") else text


def number(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """A coefficient, such as a kappa, with two decimals or as many as its interval supports.

    Examples
    --------
    >>> number(0.81734, 0.6918, 0.8949), number(0.9951, 0.9926, 0.9975), number(8.31, 7.1, 9.6), number(8011)
    ('0.82 (0.69 to 0.89)', '0.995 (0.993 to 0.998)', '8.3 (7.1 to 9.6)', '8,011')
    """
    return _told(value, low, high, unit="", least=2 if abs(value) < 2 else 0)


def counted(n: int, noun: str) -> str:
    """A number of things, with the plural where it is not one.

    Examples
    --------
    >>> counted(1, "attribute"), counted(0, "pair"), counted(8011, "opening prompt")
    ('1 attribute', '0 pairs', '8,011 opening prompts')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _told(value: float, low: float, high: float, *, unit: str, sign: str = "", least: int = 0) -> str:
    if np.isnan(value):
        return "undefined"
    digits = max(least, _digits(value, low, high))
    interval = ""
    if not (np.isnan(low) or np.isnan(high)):
        interval = f" ({_rounded(low, digits, sign)} to {_rounded(high, digits, sign)})"
    return f"{_rounded(value, digits, sign)}{unit}{interval}"


def _digits(value: float, low: float, high: float) -> int:
    """Decimals that mean something: a half-width of two units or more of a digit makes the next one noise."""
    half = (high - low) / 2
    if not half > 0:  # no interval, or none of any width: two significant digits, but whole numbers from ten on
        return 0 if value == 0 or abs(value) >= 9.95 else int(min(3, 1 - np.floor(np.log10(abs(value)))))
    return int(np.clip(-np.floor(np.log10(half / 2) + 1e-9), 0, 3))


def _rounded(value: float, digits: int, sign: str) -> str:
    text = f"{value:{sign},.{digits}f}"
    return text.lstrip("+-") if round(value, digits) == 0 else text


def in_words(statistics: pd.DataFrame, *, plain: Collection[str] = ()) -> pd.Series:
    """Every estimate of a table with its interval as text, and its counts if it is undefined or half is left out.

    Shares become percentages and differences of shares percentage points, as `statistics.yaml` declares them; a name
    that it lacks is told as a plain number.

    Parameters
    ----------
    statistics : a table of shape `statistics`
    plain : statistics that are plain numbers in this table though they bear the name of a share or a difference

    Returns
    -------
    The texts, by (statistic, group).

    Examples
    --------
    >>> row = {"statistic": "pass_rate", "group": "all", "estimate": 0.51234, "low": 0.4, "high": 0.625, "n": 10,
    ...        "n_excluded": 0, "method": "share"}
    >>> unscored = row | {"estimate": np.nan, "n": 0, "n_excluded": 12}
    >>> in_words(pd.DataFrame([row, row | {"n_excluded": 30}, unscored])).tolist()
    ['51 % (40 to 62)', '51 % (40 to 62; 10 of 40 usable)', 'undefined (0 of 12 usable)']
    """
    texts = [_row_in_words(row, plain) for row in statistics.itertuples()]
    keys = pd.MultiIndex.from_frame(statistics[["statistic", "group"]])
    return pd.Series(texts, index=keys, dtype="str")


def _row_in_words(row, plain: Collection[str]) -> str:
    usable = f"{row.n:,} of {row.n + row.n_excluded:,} usable"
    if np.isnan(row.estimate):
        return f"undefined ({usable})"
    kind = "" if row.statistic in plain else row.statistic
    ends = (row.estimate, row.low, row.high)
    if kind in SHARES:
        text = percentage(*ends)
    elif kind in DIFFERENCES | DISTANCES:
        text = points(*ends, signed=kind in DIFFERENCES)
    else:
        text = number(*ends)
    notes = [] if text.endswith(")") else [TOO_FEW if row.method.endswith(TOO_FEW) else "no interval"]
    notes += [usable] if row.n_excluded >= max(row.n, 1) else []
    if not notes:
        return text
    return f"{text.removesuffix(')')}; {'; '.join(notes)})" if text.endswith(")") else f"{text} ({'; '.join(notes)})"

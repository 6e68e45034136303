"""Which columns of a PUMS member are read, and what becomes of them: numbers, codes, and one word on its flags.

A member's allocation flags (F*) become one number a row, `ALLOCATED`: bit k is set where the k-th attribute of
`vintages.flags` was filled in by the Census Bureau.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from persona_lib.census import sniffing, vintages
from persona_lib.census.archives import PumsError

N_REPLICATES = 80
REQUIRED = ("SERIALNO", "SPORDER", "PWGTP", "AGEP", "SEX")
OPTIONAL = (
    *("ST", "STATE", "RELP", "RELSHIPP", "ADJINC", "PINCP", "RAC1P", "HISP", "ANC1P", "NATIVITY", "CIT", "POBP"),
    *("LANX", "LANP", "ENG", "SCHL", "ESR", "COW", "INDP", "OCCP", "MAR", "MIL", "DIS", "HICOV"),
    *("DREM", "DEYE", "DEAR", "FER"),
)
REPLICATES = tuple(f"PWGTP{number}" for number in range(1, N_REPLICATES + 1))
HOUSEHOLD = ("SERIALNO", "WGTP", "HHT", "HUPAOC", "HHL")
JOINED = HOUSEHOLD[2:]  # in person rows too, where the Census API joined them
NUMBERS = ("PWGTP", "AGEP", "ADJINC", "PINCP", *REPLICATES)
MAY_BE_BLANK = ("PINCP",)
ALLOCATED = "ALLOCATED"
WHOLE = r"\s*-?\d+(\.0*)?\s*"  # 21, and the 21.0 of a program that took it for a measurement
_SET = pa.array(["1", "01", "1.0"])


@dataclass(frozen=True)
class Layout:
    """How one member is read: its delimiter, its own spelling of each column, and what is kept of it."""

    delimiter: str
    named: dict[str, str]  # official name: as the member spells it
    kept: list[str]  # the columns that are stored, by their official names
    flags: dict[str, list[str]]  # attribute: its flags in this member

    @property
    def is_household(self) -> bool:
        return "PWGTP" not in self.kept

    def sources(self, column: str) -> list[str]:
        """The columns of the member, by official name, that a stored column is made of: itself, or the two halves."""
        return [column] if column in self.named else [c for c in vintages.split_columns()[column] if c in self.named]

    def read(self) -> list[str]:
        """Every column that is read, each once, by its official name."""
        flags = [flag for group in self.flags.values() for flag in group]
        return list(dict.fromkeys([c for column in self.kept for c in self.sources(column)] + flags))

    def stored(self, rows: pa.Table, *, of_text: Iterable[str]) -> list[pa.ChunkedArray]:
        """The stored columns of a table of `read` columns, and `ALLOCATED` where the member has flags.

        `of_text` names numbers that were read as text: 21.0 becomes 21.

        Raises
        ------
        pyarrow.ArrowInvalid
            One of them is no whole number.
        """
        at = {name: rows.column(k) for k, name in enumerate(self.read())}
        found = []
        for column in self.kept:
            value, *others = (at[name] for name in self.sources(column))
            for other in others:
                elsewhere = pc.is_in(pc.utf8_trim_whitespace(value), pa.array(vintages.not_in_this_column()))
                value = pc.if_else(elsewhere, other, value)
            found.append(_whole(value) if column in of_text else value)
        return [*found, self._allocated(at)] if self.flags else found

    def _allocated(self, at: dict[str, pa.ChunkedArray]) -> pa.ChunkedArray:
        """One number a row: bit k is set where a flag of the k-th attribute is."""
        is_set = {name: pc.is_in(at[name], _SET) for group in self.flags.values() for name in group}
        bits = pa.scalar(0, pa.int32())
        for place, attribute in enumerate(vintages.flags()):
            for name in self.flags.get(attribute, []):
                bits = pc.bit_wise_or(bits, pc.if_else(is_set[name], pa.scalar(1 << place, pa.int32()), 0))
        return bits.cast(pa.int32())


def _whole(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as whole numbers; a blank is missing."""
    trimmed = pc.replace_substring_regex(pc.utf8_trim_whitespace(values), r"\.0*$", "")
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed).cast(pa.int32())


def layout(label: str, header: str) -> Layout:
    """What is read of a member with this header.

    Raises
    ------
    PumsError
        A required column is missing, or some of the replicate weights are; a table of another kind.
    """
    delimiter, names = sniffing.header_of(header)
    named = {name.upper(): name for name in names}
    is_household = "WGTP" in named and "PWGTP" not in named
    required = HOUSEHOLD[:2] if is_household else REQUIRED
    if missing := [column for column in required if column not in named]:
        if what := sniffing.foreign_header(named):
            raise PumsError(f"{label}: {what}")
        raise PumsError(
            f"{label}: column {', '.join(missing)} is missing; a PUMS person file has {', '.join(REQUIRED)}"
        )
    if is_household:
        return Layout(delimiter, named, [column for column in HOUSEHOLD if column in named], {})
    replicates = [column for column in REPLICATES if column in named]
    if replicates and len(replicates) < N_REPLICATES:
        lacking = next(column for column in REPLICATES if column not in named)
        raise PumsError(
            f"{label}: column {lacking} is missing; a file has all {N_REPLICATES} replicate weights or none"
        )
    halves = {c for c, parts in vintages.split_columns().items() if set(parts) & set(named)}
    kept = [*REQUIRED, *(c for c in (*OPTIONAL, *JOINED) if c in named or c in halves), *replicates]
    flags = {}
    for attribute, groups in vintages.flags().items():
        if group := next((group for group in groups if set(group) <= set(named)), None):
            flags[attribute] = group
    return Layout(delimiter, named, kept, flags)

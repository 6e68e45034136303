"""Files that are whole or not there: written beside their place and moved to it at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HALF = ".half"  # how a file that is still being written ends


@contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """A path beside `path` to write to; it becomes `path`, on disk, if the block ends without an error.

    The folder is made if it is not there. Whatever stood at `path` stays until it is replaced, and after an error
    nothing half-written is left behind. The name holds the process's number, so two writers never meet.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "new" / "table.csv"
    >>> with whole(path) as half:
    ...     _ = half.write_text("a,b")
    >>> path.read_text(), [other.name for other in path.parent.iterdir()]
    ('a,b', ['table.csv'])
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}{HALF}")
    try:
        yield half
        with half.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)

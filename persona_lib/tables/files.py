"""Files that are whole or not there: written beside their place and moved to it at the end; and YAML, read fast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

HALF = ".half"  # how a file that is still being written ends


@contextmanager
def whole(path: str | os.PathLike, *, private: bool = False) -> Iterator[Path]:
    """A path beside `path` to write to; it becomes `path`, on disk, if the block ends without an error.

    The folder is made if it is not there. Whatever stood at `path` stays until it is replaced, and after an error
    nothing half-written is left behind. Its name holds the process's number: two processes of a machine never meet.
    A private file is readable by its owner only, from its first byte on.

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
        if private:
            os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        yield half
        with half.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def read_yaml(path: str | os.PathLike) -> Any:
    """What a YAML file of this library holds; by libyaml where PyYAML has it, which is ten times as fast.

    Raises
    ------
    yaml.YAMLError, UnicodeDecodeError
        For the settings of a user `commands.strict_yaml` gives errors that name the line and the key.
    """
    return yaml.load(Path(path).read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))

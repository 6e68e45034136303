"""How many processes ask one endpoint at this moment, and each one's part of what it bears.

Each holds a lock on a file of its own, from its first call until it ends, which the kernel frees however it
ends; who wants to know counts the locks. On a network file system that locks between machines their
processes count too.
"""

from __future__ import annotations

from pathlib import Path

from persona_lib.ledger import locks

SUFFIX = ".asking"


class Share:
    """One process's part of the calls that an endpoint bears at once.

    Parameters
    ----------
    folder : where the ledgers of the run are
    alias : the endpoint's
    name : this process's, unlike any other's
    total : calls at once, all processes together

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> one, two = (Share(folder, "large", f"pool-{k}-of-2", total=5) for k in range(2))
    >>> one.take(), two.take(), one.size(), two.size()
    (None, None, 3, 2)
    >>> one.release(), two.size()
    (None, 5)
    >>> two.release()
    """

    def __init__(self, folder: Path, alias: str, name: str, *, total: int) -> None:
        self._own, self._all, self._total = folder / f"{alias}.{name}{SUFFIX}", f"{alias}.*{SUFFIX}", total
        self._lock = -1

    def take(self) -> None:
        """Be one of those who ask, if this process is none yet."""
        if self._lock < 0:
            self._lock = locks.take(self._own)

    def release(self) -> None:
        """Be none of them any more."""
        if self._lock >= 0:
            self._own.unlink(missing_ok=True)
            locks.release(self._lock)
            self._lock = -1

    def size(self) -> int:
        """Calls at once for this process: an equal part, the rest to the first by name; 0 where none is left.

        The first by name is so for every endpoint: of two who wait for each other, it goes on.
        """
        asking = sorted(path for path in self._own.parent.glob(self._all) if path == self._own or locks.is_held(path))
        return self._total // len(asking) + (asking.index(self._own) < self._total % len(asking))

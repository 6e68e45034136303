"""Replay the demo from its committed ledgers with no network at all; compare every table with the committed one.

    unshare --net --map-root-user python benchmarks/replay_offline.py

runs in a network namespace of its own (Linux): no interface but loopback, which notebooks and their kernels talk
over. Every notebook is run in a scratch copy against its committed outputs, as `make test` does, and what it wrote
is compared with data/expected/demo: the same bytes, or, on another processor than the one that wrote them, equal but
for the last digits of some numbers.
"""

import fcntl
import socket
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from workflow.check import notebook_tests
from workflow.compare import DIFFERENT, IDENTICAL, compare_file, worst

EXPECTED = Path("data/expected/demo")
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def only_loopback() -> bool:
    """Whether this process can reach nothing but itself."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def start_loopback() -> None:
    """A new network namespace has its loopback down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", IFF_UP, b""))


def main() -> None:
    """Fail if the network is there, a notebook's outputs differ, or a table does."""
    if not only_loopback():
        sys.exit("there is a network; start this under: unshare --net --map-root-user")
    start_loopback()
    with tempfile.TemporaryDirectory(prefix="persona-compendium-") as folder:
        scratch = Path(folder)
        status = notebook_tests(scratch)
        written = {EXPECTED / path.name: path for path in (scratch / "data/runs/notebook").glob("*.parquet")}
        verdicts = [compare_file(path, written[path]) for path in sorted(EXPECTED.glob("*.parquet")) if path in written]
    for verdict in verdicts:
        if verdict.word != IDENTICAL:
            print(f"{verdict.word}: {verdict.detail}")
    n_identical = sum(verdict.word == IDENTICAL for verdict in verdicts)
    print(f"{len(written)} tables written, {n_identical} with the committed bytes; all: {worst(verdicts)}")
    sys.exit(status or worst(verdicts) == DIFFERENT or len(verdicts) < len(written) or not written)


if __name__ == "__main__":
    main()

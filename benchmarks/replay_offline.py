"""Replay the demo from its committed ledgers with no network at all; every table must have the committed bytes.

    unshare --net --map-root-user python benchmarks/replay_offline.py

runs in a network namespace of its own (Linux): no interface but loopback, which notebooks and their kernels talk
over. Every notebook is run in a scratch copy against its committed outputs, as `make test` does, and what it wrote
is compared with data/expected/demo byte by byte.
"""

import fcntl
import socket
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from workflow.check import notebook_tests

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
        written = {path.name: path.read_bytes() for path in (scratch / "data/runs/notebook").glob("*.parquet")}
    expected = {path.name: path.read_bytes() for path in EXPECTED.glob("*.parquet")}
    differing = sorted(name for name in written if written[name] != expected.get(name))
    print(
        f"{len(written)} tables written, {len(written) - len(differing)} with the committed bytes; others: {differing}"
    )
    print(f"not written by a notebook: {sorted(expected.keys() - written.keys())}")
    sys.exit(status or bool(differing) or not written)


if __name__ == "__main__":
    main()

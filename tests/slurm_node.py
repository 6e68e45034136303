"""A Slurm of one node on this machine, started by root from Debian's packages and stopped again.

    apt-get install -y slurmctld slurmd slurm-client munge

Without systemd, cgroups and accounting, on ports, a key and a socket of its own. The file is /etc/slurm/slurm.conf,
because the program of a job's step drops SLURM_CONF.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
NEEDED = "apt-get install -y slurmctld slurmd slurm-client munge, as root"


def why_not() -> str:
    """Why no Slurm can be started here; '' if one can."""
    if os.geteuid() != 0:
        return "not root"
    if missing := [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]:
        return f"{', '.join(missing)} not installed: {NEEDED}"
    return f"{CONF} is there already; this machine has a Slurm" if CONF.exists() else ""


@contextmanager
def slurm(folder: Path, *, cpus: int) -> Iterator[None]:
    """A running Slurm whose one node says it has so many CPUs; into `folder` and all above it everybody may look."""
    host = socket.gethostname().partition(".")[0]
    munge = folder / "munge"  # everybody must be able to reach its socket, or munged does not start
    munge.mkdir(parents=True, mode=0o755)
    (munge / "key").write_bytes(os.urandom(1024))
    (munge / "key").chmod(0o400)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    CONF.parent.mkdir(exist_ok=True)
    CONF.write_text(f"""ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={munge}/socket
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
""")
    path = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    started = []
    try:
        for command in (
            ["munged", "-F", "-S", f"{munge}/socket", f"--key-file={munge}/key", f"--pid-file={munge}/pid"]
            + [f"--log-file={munge}/log", f"--seed-file={munge}/seed"],
            ["slurmctld", "-D"],
            ["slurmd", "-D", "-N", host],
        ):
            with (folder / f"{command[0]}.out").open("wb") as said:
                started.append(subprocess.Popen(command, env=path, stdout=said, stderr=said))
            time.sleep(2)
        _wait_for_the_node(path)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)
        CONF.unlink()


def _wait_for_the_node(path: dict[str, str]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = subprocess.run(["sinfo", "-h", "-o", "%t"], env=path, capture_output=True, text=True, check=False)
        if found.stdout.strip() in ("idle", "mix"):
            return
        time.sleep(1)
    raise RuntimeError(f"the node is not there after a minute: {found.stdout}{found.stderr}")

"""A tenth of the paper's size over a Slurm of one node: the bytes of one process. Oracle: runs without Slurm."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from checkout import check_out
from slurm_node import slurm, why_not

CONFIG = """
run: {run}
shards: {shards}
population: {{n_draws: 240}}
personas: {{n: 159, n_train: 100}}
prompts: {{n: 387, n_train: 300, n_classified: 801}}
feedback: {{n_train_pairs: 100, n_heldout_pairs: 50, n_heldout_prompts: 50}}
"""
CLUSTER = ["--workflow-profile", "profiles/slurm"]
SEALED = ("prompts", "feedback")


@pytest.mark.system
def test_a_tenth_in_16_jobs_of_which_two_are_killed_gives_the_bytes_of_one_process(tmp_path):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="make test-system installs it")
    if why := why_not():
        pytest.skip(why)
    root = check_out(tmp_path / "checkout")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    sealed = {}
    # Not in the test's own folder, which is private: everybody must reach the socket of munged.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        Path(folder).chmod(0o755)
        with slurm(Path(folder), cpus=16):
            for run, shards, further in (("alone", 1, []), ("two", 2, []), ("cluster", 16, CLUSTER)):
                (root / "config" / f"{run}.yaml").write_text(CONFIG.format(run=run, shards=shards))
                command = [sys.executable, "-m", "workflow.paper", f"--run={run}", f"--cores={shards}"]
                with subprocess.Popen(
                    [*command, "--until=feedback", "--", *further], cwd=root, env=environment
                ) as made:
                    if further:
                        killed = kill_two(made)
                assert made.returncode == 0
                place = root / "data/runs" / run / "sealed"
                sealed[run] = [(place / f"{stage}.parquet").read_bytes() for stage in SEALED]
                rows = [len(list(place.glob(f"{stage}-*-of-{shards}.parquet"))) for stage in SEALED]
                assert rows == [shards, shards]
            assert "Restarts=1" in asked_of_slurm("scontrol", "show", "job", killed)
    assert sealed["two"] == sealed["alone"] and sealed["cluster"] == sealed["alone"]


def kill_two(made: subprocess.Popen) -> str:
    """While feedback is collected, kill one job and have Slurm begin another anew; the number of the latter."""
    while made.poll() is None:
        running = asked_of_slurm("squeue", "-h", "-t", "R", "-o", "%i %k").splitlines()
        if len(jobs := [line.split()[0] for line in running if "collect" in line and "feedback" in line]) > 1:
            time.sleep(12)  # Python and the simulator have started
            asked_of_slurm("scancel", "--signal=KILL", jobs[0])
            asked_of_slurm("scontrol", "requeue", jobs[1])
            return jobs[1]
        time.sleep(1)
    raise AssertionError("no two jobs collected feedback at once")


def asked_of_slurm(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

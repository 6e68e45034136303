"""A stage over a Slurm cluster of one node: the same bytes as in one process. Oracle: the run without Slurm."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from checkout import check_out
from slurm_node import slurm, why_not

CONFIG = "run: {run}\nshards: {shards}\nprompts:\n  n_classified: 360\n"


@pytest.mark.system
def test_a_stage_in_three_jobs_gives_the_bytes_of_one_process(tmp_path):
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("snakemake-executor-plugin-slurm is not installed: python -m pip install it")
    if why := why_not():
        pytest.skip(why)
    root = check_out(tmp_path / "checkout")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    sealed = {}
    # Not in the test's own folder, which is private: everybody must reach the socket of munged.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        Path(folder).chmod(0o755)
        with slurm(Path(folder), cpus=16):
            for run, shards, further in (("alone", 1, []), ("cluster", 3, ["--workflow-profile", "profiles/slurm"])):
                (root / "config" / f"{run}.yaml").write_text(CONFIG.format(run=run, shards=shards))
                command = [sys.executable, "-m", "workflow.paper", f"--run={run}", f"--cores={shards}"]
                command += ["--until=prompts", "--", *further]
                subprocess.run(command, cwd=root, env=environment, check=True)
                sealed[run] = (root / "data/runs" / run / "sealed/prompts.parquet").read_bytes()
    assert sealed["cluster"] == sealed["alone"]

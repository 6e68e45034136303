"""Ctrl-C, SIGTERM, the end of a session, kill -9 to `make paper`: its steps end, one line says so, nothing is torn."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkout import check_out

from persona_lib.cli import INTERRUPTED

ROOT = Path(__file__).parents[2]
PAPER = """
import fcntl, os, sys
from workflow.paper import _waited_for
lock = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
print(_waited_for([sys.executable, "-c", sys.argv[2]], dict(os.environ), lock=lock), flush=True)
"""
STEP = """
import os, signal, sys, time
from pathlib import Path
def gently(*_):
    Path("gently").touch()
    sys.exit(1)
signal.signal(signal.SIGINT, gently)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
"""
WAITS = STEP + "print('begun', flush=True); time.sleep(60)"
STARTS = "import time; print('begun', flush=True); time.sleep(0.5)" + STEP + "time.sleep(60)"
WATCHES = (
    STEP
    + """
from workflow.start_snakemake import PARENT, end_with
print("begun", flush=True)
end_with(int(os.environ[PARENT]))
"""
)


def started(step, folder):
    run = subprocess.Popen(
        [sys.executable, "-c", PAPER, "lock", step],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.readline() == "begun\n"
    return run


def is_free(lock: Path) -> bool:
    with lock.open("a") as tried:
        try:
            fcntl.flock(tried, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def comes_true(condition) -> bool:
    until = time.monotonic() + 20
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_run_alone_reaches_its_steps_as_ctrl_c(tmp_path, number):
    with started(WAITS, tmp_path) as run:
        run.send_signal(number)
        assert run.communicate(timeout=20)[0] == f"(1, {int(number)})\n"
    assert (tmp_path / "gently").exists() and run.returncode == 0


def test_a_signal_waits_until_the_command_can_take_it(tmp_path):
    """Python prints a fatal error where Ctrl-C comes while it starts, before the first line of its program."""
    with started(STARTS, tmp_path) as run:
        run.terminate()
        assert run.communicate(timeout=20)[0] == f"(1, {int(signal.SIGTERM)})\n"
    assert (tmp_path / "gently").exists()


def test_kill_9_of_the_run_ends_its_steps_and_only_then_frees_the_lock(tmp_path):
    with started(WATCHES, tmp_path) as run:
        assert not is_free(tmp_path / "lock")
        run.kill()
    assert comes_true((tmp_path / "gently").exists) and comes_true(lambda: is_free(tmp_path / "lock"))


@pytest.mark.parametrize(("number", "after_s"), [(signal.SIGINT, 0.5), (signal.SIGTERM, 3.0), (signal.SIGINT, 8.0)])
def test_a_whole_run_says_one_line_and_goes_on_later(tmp_path, number, after_s):
    """While modules are read, while Snakemake reads its rules, and later, mostly in its first steps."""
    folder = check_out(tmp_path)
    command = [sys.executable, "-m", "workflow.paper", "--run=demo", "--cores=2", "--until", "census"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as run:
        time.sleep(after_s)
        run.send_signal(number)
        said = run.communicate(timeout=60)[1]
    if run.returncode == 0:
        pytest.skip("the run was faster than the signal")
    assert run.returncode == 128 + number
    assert said.strip() in (INTERRUPTED, "interrupted; no step was under way, the same command goes on")
    assert not list(folder.rglob("*.half"))
    if number == signal.SIGTERM:
        again = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert again.returncode == 0 and (folder / "data/runs/demo/census.parquet").exists(), again.stderr

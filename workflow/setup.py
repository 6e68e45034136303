"""Make the environment: a virtual environment with exactly the packages of the lock.

Runs on whatever Python there is, so it says in one line what is missing; hence the old syntax.
"""

import os
import shutil
import subprocess
import sys

NEEDED_BYTES = 2 * 1024**3


def stop(message):
    """One clear line, non-zero exit."""
    sys.exit("set-up: " + message)


def run(command, log, what):
    """Run a command with its output in the log; stop with a hint when it fails."""
    environment = dict(
        os.environ, UV_COMPILE_BYTECODE="1", UV_PYTHON_DOWNLOADS="never", PIP_DISABLE_PIP_VERSION_CHECK="1"
    )
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with open(log, "a") as out:
        status = subprocess.call(command, stdout=out, stderr=out, env=environment)
    if status and what:
        stop(what + "; the full message is at the end of " + log)
    return status


def main(folder, lock, alone):
    """Create `folder` and install the packages that `lock` names, then, unless these stand alone, the compendium."""
    version = sys.version.split()[0]
    if sys.version_info < (3, 11):  # noqa: UP036  an old Python is told so
        stop("Python 3.11 or newer is needed, this is " + version + "; name another: make PYTHON=python3.12 ...")
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        stop("this Python has no venv module; on Debian: apt install python3-venv; or name another: make PYTHON=...")
    free = shutil.disk_usage(".").free
    if free < NEEDED_BYTES:
        stop("about 2 GB of disk are needed here, %.1f GB are free" % (free / 1024**3))
    python = os.path.join(folder, "bin", "python")
    log = folder.rstrip("/") + "-setup.log"
    open(log, "w").close()
    if not os.path.exists(python):
        print("set-up: creating " + folder, flush=True)
        try:
            venv.create(folder, with_pip=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            stop("cannot create " + folder + ": " + str(error))
    print("set-up: installing the packages of " + lock + " (about a minute)", flush=True)
    hint = "the packages of " + lock + " could not be installed: is there a network and a package index?"
    pip, uv = [python, "-m", "pip", "install"], [python, "-m", "uv", "pip", "install", "--python", python]
    locked = ["--no-deps", "--require-hashes", "-r", lock]  # the lock names what is needed, and all of it
    if alone or run(pip + ["uv"], log, None) or run(uv + locked, log, None):
        run(pip + locked, log, hint)
    if not alone:
        own = ["--no-deps", "--no-build-isolation", "-e", "."]
        run(pip + own, log, "the compendium itself could not be installed")
    print("set-up: done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--alone" in sys.argv[3:])

"""The model server of RUN=smollm: started before the run, stopped after it however that ends."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

PROGRAM = Path(__file__).with_name("serve_model.py")
PATIENCE_S = 120  # for the model to be loaded


class ServerError(RuntimeError):
    """The server does not serve; says why, as far as its log does."""


@contextmanager
def serving(address: str, *, environment: Path, log: Path, threads: int = 1, model: Path | None = None) -> Iterator:
    """A server of the model at an address of this machine, such as http://127.0.0.1:8135/v1; gives its process.

    It is told to end by the end of its standard input, so a run that is killed leaves none behind, and Ctrl-C
    reaches it after the calls under way.

    Parameters
    ----------
    environment : folder of the virtual environment of requirements-smollm.lock
    log : where what it says goes
    threads : processor threads that it may use
    model : a GGUF file; None for the one of the environment

    Raises
    ------
    ServerError
        There is no such environment, the port is taken, or the model cannot be loaded.
    """
    python, port = environment / "bin" / "python", urlsplit(address).port
    if not python.exists():
        raise ServerError(f"{environment}: the model is not installed; make installs it: make paper RUN=smollm")
    if _answers(f"{address}/models"):
        raise ServerError(f"{address}: something serves there already; stop it, or change the port in base_url")
    command = [str(python), str(PROGRAM), "--port", str(port), "--threads", str(threads)]
    command += ["--model", str(model)] if model else []
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w") as said,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        _wait(process, f"{address}/models", log)
        yield process  # leaving closes its standard input and waits for its end


def environment_of(venv: str | None) -> Path:
    """The environment of the model beside that of the compendium, as the Makefile names it."""
    return Path(f"{venv or '.venv'}-smollm")


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            lines = log.read_text("utf-8", errors="replace").strip().splitlines() or ["nothing in its log"]
            raise ServerError(f"the model server does not start: {lines[-1]}; its log is {log}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    """Whether something answers there with 200; no proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as reply:
            return reply.status == 200  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False

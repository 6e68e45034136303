"""The model server of RUN=smollm: told why where it does not start, gone when its run is, and whole runs against it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from checkout import check_out
from endless import Endless
from nonsense_model import write_nonsense

from workflow.model_server import ServerError, environment_of, serving

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / environment_of(os.environ.get("VENV"))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def is_free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def environment(tmp_path):
    """An environment whose Python is ours, so that a program of a test can stand for the server."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


class TestWhereItDoesNotStart:
    def started(self, address, environment, tmp_path):
        with serving(address, environment=environment, log=tmp_path / "logs" / "server.log"):
            pass

    def test_it_is_not_installed(self, tmp_path):
        with pytest.raises(ServerError, match="the model is not installed; .*make paper RUN=smollm"):
            self.started("http://127.0.0.1:1/v1", tmp_path / "none", tmp_path)

    def test_another_server_is_there(self, environment, tmp_path):
        with Endless() as other:
            other.paths = {"/v1/models": 200}
            threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
            address = f"http://127.0.0.1:{other.server_address[1]}/v1"
            with pytest.raises(ServerError, match=f"{address}: something serves there already"):
                self.started(address, environment, tmp_path)
            other.shutdown()

    def test_it_ends_at_once_with_its_own_last_words(self, environment, tmp_path):
        """This Python has no llama.cpp."""
        with pytest.raises(
            ServerError, match="does not start: ModuleNotFoundError: No module named 'xllamacpp'; its log"
        ):
            self.started(f"http://127.0.0.1:{free_port()}/v1", environment, tmp_path)


STAND_IN = """
import argparse, http.server, sys, threading
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
chosen, _ = parser.parse_known_args()

class Models(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", chosen.port), Models)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.buffer.read()
"""
RUN = """
import sys, time
from pathlib import Path
from workflow import model_server
model_server.PROGRAM = Path(sys.argv[1])
environment, log = Path(sys.argv[2]), Path(sys.argv[2]) / "server.log"
with model_server.serving(sys.argv[3], environment=environment, log=log):
    print("serving", flush=True)
    {then}
"""


@pytest.mark.parametrize(
    ("then", "number"),
    [
        ("pass", None),
        ("raise SystemExit('failed')", None),
        ("time.sleep(60)", signal.SIGINT),
        ("time.sleep(60)", signal.SIGTERM),
        ("time.sleep(60)", signal.SIGKILL),
    ],
)
def test_it_ends_with_the_run_however_that_ends(environment, then, number):
    program, port = environment / "stand_in.py", free_port()
    program.write_text(STAND_IN)
    command = [sys.executable, "-c", RUN.format(then=then), program, environment, f"http://127.0.0.1:{port}/v1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout.readline() == "serving\n" and (number is None or not is_free(port))
        if number is not None:
            run.send_signal(number)
        run.wait(timeout=20)
    until = time.monotonic() + 10
    while not is_free(port) and time.monotonic() < until:
        time.sleep(0.05)
    assert is_free(port)


@pytest.mark.system
class TestWholeRuns:
    """Oracle: the rule `all` of the Snakefile, whose last table is made of all others."""

    @pytest.fixture
    def checkout(self, tmp_path):
        if not (ENVIRONMENT / "bin" / "python").exists():
            pytest.skip(f"{ENVIRONMENT} is not there; make test-system installs it")
        return check_out(tmp_path)

    def run(self, checkout, name):
        command = [sys.executable, "-m", "workflow.paper", f"--run={name}", "--cores=2"]
        environment = os.environ | {"VENV": str(ENVIRONMENT).removesuffix("-smollm"), "PYTHONPATH": str(checkout)}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        made = {path.name for path in (checkout / f"data/runs/{name}/notebooks").iterdir()}
        assert made == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
        assert (checkout / f"data/runs/{name}/claims.parquet").exists()
        return done

    def test_the_weak_model_reaches_the_end(self, checkout):
        self.run(checkout, "smollm")
        assert is_free(8135), "the server outlived its run"

    def test_a_model_of_random_weights_reaches_the_end(self, checkout):
        """What it says is nonsense: no critique has its parts, most texts are cut off, and every notebook holds."""
        assert 2e6 < write_nonsense(checkout / "nonsense.gguf", next(ENVIRONMENT.rglob("*.gguf"))) < 5e6
        port = free_port()
        config = yaml.safe_load((ROOT / "config/smollm.yaml").read_text("utf-8"))
        config |= {"run": "nonsense", "personas": config["personas"] | {"model_stage": False}}
        config["prompts"]["n_classified"] = 40
        for endpoint in config["endpoints"].values():
            endpoint |= {"base_url": f"http://127.0.0.1:{port}/v1"}
        config["endpoints"]["smollm_critic"]["parameters"].pop("grammar")  # so that no critique has its parts
        (checkout / "config/nonsense.yaml").write_text(yaml.safe_dump(config))
        log, model = checkout / "server.log", checkout / "nonsense.gguf"
        with serving(config["endpoints"]["smollm"]["base_url"], environment=ENVIRONMENT, log=log, model=model):
            self.run(checkout, "nonsense")

"""An endpoint that echoes, and a folder with a toy stage, its template and its table."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter

import pandas as pd
import pytest
from toy_run import KEY, ROOT, TOY, Echo, N, Quiet

from persona_lib.commands import collect
from persona_lib.commands.configuration import read_configuration
from persona_lib.commands.strict_yaml import ConfigurationError


@pytest.fixture
def server():
    with Quiet(("127.0.0.1", 0), Echo) as found:
        found.calls, found.delay_s, found.failing, found.guard = Counter(), 0.0, "", threading.Lock()
        found.under_way, found.seen, found.finish, found.checks = 0, [], "stop", []
        found.fault, found.echo_all, found.heard = None, False, ""
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def house(tmp_path, server, monkeypatch):
    """A folder with a toy stage, its template and its table; gives the arguments of `persona collect toy`."""
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "answer.yaml").write_text(
        "version: 1\nsource: ours\nleast_max_tokens: 8\nsystem: Be kind.\nuser: '{{prompt}}'\n"
    )
    texts = pd.DataFrame({"id": [f"q{k}" for k in range(N)], "text": [f"text {k} {{{{prompt}}}} é" for k in range(N)]})
    texts.to_csv(tmp_path / "texts.csv", index=False)
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(collect.STAGES, "toy", "toy:collect")

    def arguments(name="run", *, shard=0, of=1, concurrency=8, mode="live", **changes):
        one = {
            "base_url": f"http://127.0.0.1:{server.server_address[1]}/v1",
            "model": "m",
            "key_variable": "TEST_KEY",
            "concurrency": concurrency,
            "timeout_s": 10,
            "retries": 2,
            "parameters": {"temperature": 1.0},
        }
        settings = {"seed": 1, "mode": mode, "roles": {"answerer": "large"}, "endpoints": {"large": one}, **changes}
        run = tmp_path / name
        return [
            *("collect", "toy", "--shard", str(shard), "--of", str(of), "--settings", json.dumps(settings)),
            *("--templates", str(tmp_path / "templates"), "--read", f"texts={tmp_path / 'texts.csv'}"),
            *("--ledger", str(run / "ledger"), "--sealed", str(run / f"toy-{shard}-of-{of}.parquet")),
            *("--log", str(run / f"{shard}.log")),
        ]

    return arguments


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What is said of a file x.yaml that is laid over the demo's; '' if it can be used."""

    monkeypatch.chdir(ROOT)

    def judged(text: str | bytes) -> str:
        path = tmp_path / "x.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            read_configuration(["config/demo.yaml", path])
        except ConfigurationError as error:
            return str(error).replace(f"{path}", "x.yaml")
        return ""

    return judged

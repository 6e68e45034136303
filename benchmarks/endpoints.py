"""What becomes of what real endpoints send, case by case, with the library of another commit and with this one.

    python benchmarks/endpoints.py --before FOLDER      FOLDER is a work tree of the commit to compare with

The cases are those of tests/endpoint_cases.yaml. Each is asked once through the real Asker over a socket, without tries
beyond the first; the table goes to endpoints.md beside this file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
HEAD = """# Endpoints as they are: before and now

Written by `python benchmarks/endpoints.py --before FOLDER`. One line a case of `tests/endpoint_cases.yaml`, which names
the public description of each shape: what was sent, what became of it at commit {before}, what becomes of it now.
*stop* ends the run, *failed* is after one try (what may pass is tried again).

| case | sent | before | now |
|---|---|---|---|
"""


STAGES = ("length", "reasoning-alone", "content-filter", "odd-400", "openai-too-long")  # each as a stage of its own
MOST = 60  # requests of a stage


def fare(name: str, case, url: str, n: int = 1) -> dict:
    """Status and message of one case, or of a stage of n requests, with the library that this process imports."""
    from dataclasses import fields

    import pandas as pd
    from endless import FORMS

    from persona_lib.asking.asker import Asker
    from persona_lib.asking.client import AskError
    from persona_lib.ledger.live import Ledger, lines
    from persona_lib.messages.endpoint import Endpoint

    known = {field.name for field in fields(Endpoint)}
    settings = {"base_url": url, "key_variable": "TEST_KEY", "timeout_s": 5, "repairs": False} | case.settings
    one = {"large": Endpoint("large", name, **{key: value for key, value in settings.items() if key in known})}
    slots = [{"prompt": f"Why {k}?"} for k in range(n)]
    rows = pd.DataFrame({"endpoint": "large", "template": case.asked, "slots": slots})
    with tempfile.TemporaryDirectory() as folder, Ledger(folder, "toy", shard=0, of=1) as ledger:
        try:
            with Asker(one, {"judge": "large"}, FORMS, ledger, quiet=True) as ask:
                ask(rows)
        except AskError as error:
            if "calls could not be made" not in str(error) and "calls in a row" not in str(error):
                return {"status": "stop", "said": str(error)}
        replies = [one["reply"] for _, one in lines(ledger.path)]
    reply = replies[0]
    if n > 1:
        return {"status": reply["status"], "said": f"sealed, {len(replies)} replies"}
    said = reply["text"] or reply["detail"]
    asides = [f"thinking {reply['thinking']!r}"] if reply.get("thinking") else []
    if case.tokens is not None:
        asides.append(f"tokens {reply['tokens_in']} in, {reply['tokens_out']} out")
    if case.who is not None:
        asides += [f"{name} {reply[name]}" for name in ("model", "provider", "fingerprint") if reply.get(name)]
    return {"status": reply["status"], "said": "; ".join([repr(said), *asides])}


def measure() -> None:
    """Print as JSON what becomes of each case."""
    sys.path.insert(0, str(TESTS))
    from endpoint_cases import CASES, CaseServer

    os.environ["TEST_KEY"] = "sk-secret-0123456789abcdef"
    with CaseServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        found = {name: fare(name, case, server.url) for name, case in CASES.items()}
        for name in STAGES:
            server.asked.clear()
            stage = fare(name, CASES[name], server.url, MOST)
            found[f"stage {name}"] = stage | {"said": f"after {len(server.asked)} calls: {stage['said']}"}
        print(json.dumps(found))
        server.shutdown()


def told(found: dict) -> str:
    status = f"**{found['status']}**" if found["status"] != "ok" else "ok"
    return f"{status}: {cell(found['said'].replace(chr(10), ' '), 400)}"


def cell(text: str, most: int) -> str:
    """A text as a cell of a table may hold it."""
    import re

    text = re.sub(r"http://127\.0\.0\.1:\d+/v1", "URL", text)
    short = text if len(text) <= most else text[:most] + " ..."
    return "`" + short.replace("`", "'").replace("|", "\\|") + "`"


def main() -> None:
    """Run each side in a process of its own and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="a work tree of the commit to compare with")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        measure()
        return
    found = []
    for tree in (chosen.before, HERE.parent):
        command = [sys.executable, __file__, "--measure"]
        environment = os.environ | {"PYTHONPATH": str(tree.resolve())}
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        found.append(json.loads(said.splitlines()[-1]))
    commit = subprocess.run(
        ["git", "-C", str(chosen.before), "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    sys.path.insert(0, str(TESTS))
    from endpoint_cases import CASES

    lines = []
    for name, case in CASES.items():
        sent = f"{case.status} {json.dumps(case.sent, ensure_ascii=True)}"
        if case.body is None:
            message, end = case.sent["choices"][0]["message"], case.finish
            shown = message["content"] if case.message is None else json.dumps(message)
            aside = {"usage": case.usage} if case.tokens is not None else case.more
            sent = f"{shown!r}, {end}" + (f", {json.dumps(aside)}" if aside else "")
        before, now = (one[name] for one in found)
        lines.append(f"| {case.kind}: {name} | {cell(sent, 200)} | {told(before)} | {told(now)} |")
    for name in STAGES:
        before, now = (one[f"stage {name}"] for one in found)
        lines.append(f"| stage of {MOST}: {name} | as above, every time | {told(before)} | {told(now)} |")
    (HERE / "endpoints.md").write_text(HEAD.format(before=commit) + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()

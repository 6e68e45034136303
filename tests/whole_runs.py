"""A run of the Snakefile's rules one after the other in this process, against models some of which say nothing usable.

The rules, their paths and their order are Snakemake's own; notebooks are run cell by cell without a kernel. It begins
with three personas and the prompts of the expected demo run, so that a run takes seconds.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import nbformat
import yaml
from checkout import check_out
from replying import Replying
from simulated import FORMS

from persona_lib import cli
from persona_lib.messages.check_form import FORM
from persona_lib.simulator import roles as simulated_roles
from persona_lib.simulator.world import load
from persona_lib.tables.schema import read, write
from workflow import run_notebook, run_persona, write_claims_page

ROOT = Path(__file__).parents[1]
ROLES = ("answerer", "critic", "reviser", "judge", "panel", "raters", "contestants", "examiner")
GIVEN = ("margins", "fidelity", "personas", "provenance", "persona_audit", "persona_weights", "prompts")
BEGINS_AFTER = {"configuration", "census", "population", "overview", "personas", "dataset", "prompts"}
N_PERSONAS = 3


class Model(Replying):
    """Plays each role well, by the simulator, except for those that the server's `unusable` names with a kind."""

    def do_GET(self):
        self.send(200, b'{"data": []}')

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        role = asked["model"]
        if asked["messages"][-1]["content"] == FORM.user:
            self.say('{"is_white": true}', "stop")
        elif (kind := self.server.unusable.get(role)) in (None, "constant"):
            reply = simulated_roles.reply(FORMS, load().models["sim-large"], asked["messages"], sample=asked["seed"])
            text = _constant(reply.text) if kind else reply.text
            self.say(text, "content_filter" if reply.refused else "stop")
        elif kind == "not_taken":
            error = {"code": "context_length_exceeded", "message": "This model's maximum context length is 9 tokens."}
            self.send(400, json.dumps({"error": error}).encode())
        else:
            said = {"refused": "", "cut_off": "Once upon a", "unparsed": "Well, well."}
            self.say(said[kind], {"refused": "content_filter", "cut_off": "length"}.get(kind, "stop"))

    def say(self, text, finish):
        message = {"role": "assistant", "content": text}
        found = {"choices": [{"message": message, "finish_reason": finish}]}
        self.send(
            200, json.dumps({"model": "m", **found, "usage": {"prompt_tokens": 9, "completion_tokens": 9}}).encode()
        )


def _constant(text: str) -> str:
    """The reply with A for every choice, no need of revision for every verdict, and everybody for every share."""
    try:
        said = json.loads(text)
    except json.JSONDecodeError:
        return text
    always = {
        "choice": "A",
        "nearer": "A",
        "needs_revision": False,
        "share_a": 100,
        "is_equivalent": True,
        "conveyed": [],
    }
    return json.dumps(said | {key: value for key, value in always.items() if key in said})


@contextmanager
def served(unusable: Mapping[str, str]) -> Iterator[str]:
    """The models at an address; `unusable` gives roles and what becomes of every reply to them."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.daemon_threads, server.unusable = True, unusable
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def run_all(folder: Path, unusable: Mapping[str, str]) -> dict[str, str]:
    """The last words of each notebook, by its rule, of a run in `folder`; the working directory moves there."""
    check_out(folder)
    os.chdir(folder)
    made = folder / "data/runs/weak"
    made.mkdir(parents=True)
    for name in GIVEN:
        table = read(ROOT / f"data/expected/demo/{name}.parquet", name)
        if "persona_id" in table and name in ("personas", "provenance", "persona_weights"):
            table = table[table["persona_id"].isin([f"p{i:04d}" for i in range(1, N_PERSONAS + 1)])]
        write(table, made / f"{name}.parquet", name)
    for name in ("personas", "prompts"):
        (made / "sealed").mkdir(exist_ok=True)
        (made / f"sealed/{name}.parquet").symlink_to(ROOT / f"data/expected/demo/sealed/{name}.parquet")
    with served(unusable) as address:
        Path("config/weak.yaml").write_text(yaml.safe_dump(_config(address)))
        return {name: said for job in _jobs() for name, said in [(job.rule, _run(job))] if said}


def _config(address: str) -> dict:
    """The sizes of config/smollm.yaml, and some written answers; each role is played by a model of its name."""
    config = yaml.safe_load((ROOT / "config/smollm.yaml").read_text("utf-8"))
    config["pool"]["n_given_personas"] = 2
    plain = {"base_url": address, "key_variable": None, "concurrency": 8, "timeout_s": 20, "retries": 0}
    plain |= {"parameters": {"max_tokens": 512}, "price": "own_machine", "least_usable": 0, "most_not_taken": 1}
    everybody = ("writer", "filter", "classifier", *ROLES)
    roles = {role: [role] if role in ("panel", "contestants") else role for role in everybody}
    return config | {"run": "weak", "roles": roles, "endpoints": {role: plain | {"model": role} for role in everybody}}


def _jobs() -> list[SimpleNamespace]:
    """The jobs after the personas and the prompts, in an order in which each finds what it reads."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

    quiet = OutputSettings(quiet={Quietness.ALL})
    files = ConfigSettings(configfiles=[Path("config/demo.yaml"), Path("config/weak.yaml")])
    with contextlib.redirect_stdout(io.StringIO()), SnakemakeApi(quiet) as api:
        planned = api.workflow(
            resource_settings=ResourceSettings(cores=1), config_settings=files, snakefile=Path("Snakefile")
        )
        planned.dag(DAGSettings(forceall=True)).summary()
        jobs = [job for level in planned._workflow.dag.toposorted() for job in level if job.rule.name != "all"]
        config = planned._workflow.config
    known = ("input", "output", "params", "log", "wildcards")
    found = [
        SimpleNamespace(rule=j.rule.name, config=config, **{name: getattr(j, name) for name in known}) for j in jobs
    ]
    stages = {"collect_personas", "collect_prompts"}
    before = [job for job in found if job.rule == "seal" and job.wildcards.stage in ("personas", "prompts")]
    return [job for job in found if job.rule not in BEGINS_AFTER | stages and job not in before]


def _run(job: SimpleNamespace) -> str:
    for path in (*job.output, *job.log):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        if hasattr(job.input, "notebook"):
            return _executed(Path(job.input.notebook).resolve(), run_notebook.handed_over(job))
        if job.rule == "claims_page":
            write_claims_page.run(job)
            return ""
        command = {"seal": run_persona.seal}.get(job.rule, run_persona.collect)
        assert cli.main(command(job)) == 0, f"{job.rule}: {said.getvalue()}"
    return ""


def _executed(path: Path, values: dict) -> str:
    """What the last cell of a notebook says; each cell's value is shown, as a kernel would."""
    import matplotlib.pyplot as plt

    home, scope, last = Path.cwd(), {}, None
    os.chdir(path.parent)
    try:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type != "code":
                continue
            tree = ast.parse(cell.source)
            shown = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
            where = f"{path.name}, cell {cell.id}"
            exec(compile(tree, where, "exec"), scope)
            scope |= values if "parameters" in cell.metadata.get("tags", []) else {}
            last = eval(compile(shown, where, "eval"), scope) if shown is not None else None
            getattr(last, "_repr_html_", last.__repr__)()
    finally:
        plt.close("all")
        os.chdir(home)
    return last.data

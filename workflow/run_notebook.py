"""Run one rule's notebook: hand it the rule's paths and numbers, keep the executed copy.

Called by Snakemake's `script:`, with the rule as the global `snakemake`.
"""

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from workflow.surroundings import pinned, print_to  # noqa: E402

if __name__ == "__main__":
    print_to(snakemake.log[0])  # type: ignore[name-defined]  # noqa: F821

import nbformat  # noqa: E402
import papermill  # noqa: E402
from papermill.exceptions import PapermillExecutionError  # noqa: E402

from workflow.notebook import normalised, parameter_names  # noqa: E402

RESERVED = ("notebook", "library")


def handed_over(rule) -> dict:
    """The rule's named inputs, outputs and params as the notebook's parameters, paths relative to its folder."""
    folder = Path(rule.input.notebook).parent
    values = {}
    for part in (rule.input, rule.output):
        for name, path in part.items():
            if name not in RESERVED:
                many = not isinstance(path, str)
                paths = [os.path.relpath(p, folder) for p in ([path] if not many else path)]
                values[name] = (paths or None) if many else paths[0]
    return values | {name: _plain(value) for name, value in rule.params.items()}


def _plain(value):
    """Snakemake's containers as plain lists and dicts."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def run(rule) -> None:
    """Execute the rule's notebook; on failure the log's first line names notebook, cell and error."""
    log = Path(rule.log[0])
    executed = log.with_suffix(".ipynb")
    values = handed_over(rule)
    declared = parameter_names(nbformat.read(rule.input.notebook, as_version=4), rule.input.notebook)
    if set(values) != declared:
        extra, lacking = sorted(set(values) - declared), sorted(declared - set(values))
        sys.exit(
            f"{rule.input.notebook}: the rule and the parameters cell differ: "
            f"only in the rule: {extra}; only in the notebook: {lacking}"
        )
    for path in (*rule.output, log):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    try:
        papermill.execute_notebook(
            rule.input.notebook,
            executed,
            parameters=values,
            cwd=str(Path(rule.input.notebook).parent),
            kernel_name="python3",
            progress_bar=False,
            coalesce_streams=True,  # else a busy machine may cut one print in two
        )
    except PapermillExecutionError as error:
        line = f"{rule.input.notebook}: cell {error.exec_count}: {error.ename}: {error.evalue}"
        log.write_text(f"{line}\n\nexecuted copy: {executed}\n\n{error.source}\n", "utf-8")
        sys.exit(f"{line}\n(the executed copy with its traceback: {executed})")
    nbformat.write(normalised(nbformat.read(executed, as_version=4)), executed)
    shutil.copyfile(executed, rule.output.notebook)
    log.write_text(f"{rule.input.notebook}: done\n", "utf-8")


if __name__ == "__main__":
    ENVIRONMENT = pinned(Path())
    run(snakemake)  # type: ignore[name-defined]  # noqa: F821

"""Snakemake with the log of `workflow.steps`, in a checkout of any path: blanks, quotes, characters of the shell.

Its `script:` puts the path of its own interpreter into a shell's line without quotes (snakemake#2645; still so in
9.27, `PythonScript.execute_script`), so an environment inside such a checkout loses every rule. The interpreter's
bare name says the same to that shell, because its folder comes first in PATH.
"""

import io
import os
import signal
import sys
import threading
import time
from contextlib import redirect_stderr
from pathlib import Path

if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # no step has begun, so nothing is to be said
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # `workflow.paper` held it back until here

from snakemake import cli  # noqa: E402
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry  # noqa: E402

from workflow import steps  # noqa: E402

PARENT = "WORKFLOW_PARENT"  # the process whose end, however it comes, is to be the end of this one


def main() -> bool:
    """Run Snakemake as its command does, without its line on the profile; whether all went well."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            parser, args = cli.parse_args(sys.argv[1:])
    except SystemExit:
        print(said.getvalue(), file=sys.stderr)
        raise
    return cli.args_to_api(args, parser)


def interrupt(number, frame):
    """Ctrl-C; what the steps under way die of is then no news."""
    steps.LogHandler.is_interrupted = True
    signal.default_int_handler(number, frame)


def end_with(parent: int) -> None:
    """Wait until the parent is gone, then interrupt this process and its steps: nobody else could any more."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGINT)


if __name__ == "__main__":
    if (parent := os.environ.pop(PARENT, None)) is not None:
        threading.Thread(target=end_with, args=[int(parent)], daemon=True).start()
    interpreter = Path(sys.executable)
    os.environ["PATH"] = os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", os.defpath)])
    sys.executable = interpreter.name
    LoggerPluginRegistry().register_plugin(steps.NAME, steps)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        sys.exit(0 if main() else 1)
    except KeyboardInterrupt:  # before it had steps to wait for
        sys.exit(130)

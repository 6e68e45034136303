"""Snakemake with the log of `workflow.steps`, in a checkout of any path: blanks, quotes, characters of the shell.

Its `script:` puts the path of its own interpreter into a shell's line without quotes (snakemake#2645; still so in
9.27, `PythonScript.execute_script`), so an environment inside such a checkout loses every rule. The interpreter's
bare name says the same to that shell, because its folder comes first in PATH.
"""

import io
import os
import signal
import sys
from contextlib import redirect_stderr
from pathlib import Path

from snakemake import cli
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from workflow import steps


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


if __name__ == "__main__":
    interpreter = Path(sys.executable)
    os.environ["PATH"] = os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", os.defpath)])
    sys.executable = interpreter.name
    LoggerPluginRegistry().register_plugin(steps.NAME, steps)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    sys.exit(0 if main() else 1)

"""Snakemake, in a checkout whose path holds blanks, quotes or other characters of the shell.

Its `script:` puts the path of its own interpreter into a shell's line without quotes (snakemake#2645; still so in
9.27, `PythonScript.execute_script`), so an environment inside such a checkout loses every rule. The interpreter's
bare name says the same to that shell, because its folder comes first in PATH.
"""

import os
import sys
from pathlib import Path

from snakemake.cli import main

if __name__ == "__main__":
    interpreter = Path(sys.executable)
    os.environ["PATH"] = os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", os.defpath)])
    sys.executable = interpreter.name
    sys.exit(main())

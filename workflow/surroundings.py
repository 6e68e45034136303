"""The surroundings in which notebooks run, so that two runs give the same bytes anywhere."""

import os
import subprocess
import sys
from pathlib import Path

PINNED = {
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "1721779200",  # 2024-07-24, the day of the paper's first version
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "COLUMNS": "80",
    "JUPYTER_PREFER_ENV_PATH": "1",  # a user's own "python3" kernel must not shadow this environment's
    "IPYKERNEL_CELL_NAME": "<notebook-cell>",
}


def pinned(root: Path) -> dict[str, str]:
    """This process's environment with everything pinned that could move a result.

    `root` is the compendium's folder; settings and caches of Jupyter, IPython and matplotlib are kept
    under its ignored `data/runs/.home`, so neither an unwritable home nor a user's own profile matters.
    """
    home = (root / "data" / "runs" / ".home").resolve()
    own = {
        "IPYTHONDIR": home / "ipython",
        "MPLCONFIGDIR": home / "matplotlib",
        "JUPYTER_CONFIG_DIR": home / "jupyter",
        "JUPYTER_RUNTIME_DIR": home / "jupyter-runtime",
        "XDG_CACHE_HOME": home / "cache",
    }
    for folder in own.values():
        folder.mkdir(parents=True, exist_ok=True)
    profile = home / "ipython" / "profile_default"
    profile.mkdir(exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40\n", "utf-8")
    path = os.pathsep.join([str(root.resolve()), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "MPLBACKEND")}
    environment |= PINNED | {k: str(v) for k, v in own.items()} | {"PYTHONPATH": path}
    if not any(own["MPLCONFIGDIR"].glob("fontlist-*.json")):
        # built here, because a notebook that builds it on a busy machine shows a warning of matplotlib's
        subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], env=environment, check=True)
    return environment


def print_to(log: str | Path) -> None:
    """From here on, what this process prints, its children included, goes to the end of the log of its rule."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(opened, stream)
    os.close(opened)

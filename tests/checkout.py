"""A checkout of its own for a test that runs the Snakefile: what runs write stays in the test's folder."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]


def check_out(folder: Path) -> Path:
    """Notebooks and configuration as copies, so that they can be changed; everything else as links."""
    for name in ("notebooks", "config"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "data").mkdir()
    for name in ("Snakefile", "workflow", "persona_lib", "profiles", "requirements.lock"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("reference", "prompts", "templates"):
        (folder / "data" / name).symlink_to(ROOT / "data" / name)
    return folder

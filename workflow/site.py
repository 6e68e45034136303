"""`make site`: a static site of one run: notebooks, figures, claims, leaderboard, decisions, personas and pairs.

Built by Sphinx with MyST-NB and the theme Furo; nothing is fetched, neither now nor when a page is read.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from persona_lib.site import browser, sources
from persona_lib.site.results import Results, SiteError, found_results
from persona_lib.tables.schema import SchemaError

EXTENSIONS = ["myst_nb", "workflow.mathml"]


def settings() -> dict[str, object]:
    """What Sphinx is told, in place of a conf.py."""
    return {
        "project": "PERSONA compendium",
        "html_title": "PERSONA compendium",
        "author": "PERSONA compendium contributors",
        "html_theme": "furo",
        "extensions": EXTENSIONS,
        "html_math_renderer": "mathml",
        "nb_execution_mode": "off",  # they are executed
        "nb_merge_streams": True,
        "myst_enable_extensions": ["amsmath", "dollarmath", "strikethrough"],  # the README strikes out
        "suppress_warnings": ["myst.strikethrough"],  # it works in HTML alone, which is what is built
        "myst_dmath_allow_digits": False,
        "myst_heading_anchors": 4,
        "html_static_path": ["static"],
        "html_css_files": ["site.css"],
        "html_extra_path": ["extra"],
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_sphinx": False,
        "exclude_patterns": ["extra", "static"],
    }


def build(results: Results, target: Path, *, root: Path, warnings: TextIO) -> None:
    """Build the site into `target`, which is replaced as a whole; what Sphinx warns of goes to `warnings`.

    Raises
    ------
    SiteError, SchemaError, FileNotFoundError
        What is to be shown is not there.
    """
    from sphinx.application import Sphinx  # only what `make site` installs has it

    tables = sources.read_tables(results)
    shown = browser.shown_pairs(tables["pairs"], tables["judgements"])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=target.parent) as scratch:
        source, made = Path(scratch, "source"), Path(scratch, "site")
        sources.write_sources(results, tables, source, root=root)
        trees = Path(scratch, "trees")
        app = Sphinx(source, None, made, trees, "html", confoverrides=settings(), status=None, warning=warnings)
        app.build()
        browser.write(
            made / "browser",
            browser.index(tables["personas"], tables["prompts"], shown, n_pairs=len(tables["pairs"])),
            browser.texts(shown, tables["answers"], tables["judgements"]),
        )
        (made / ".nojekyll").touch()  # GitHub's pages would leave out what begins with _
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def main() -> int:
    """Build the site of the run that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="demo", help="whose results are shown")
    args = parser.parse_args()
    root, target = Path(), Path("data/runs", args.run, "site")
    try:
        results = found_results(args.run, root=root)
        print(f"site: from {results.tables}, {results.notebooks} and {results.figures}", flush=True)
        build(results, target, root=root, warnings=sys.stderr)
    except (SiteError, SchemaError, FileNotFoundError) as error:
        sys.exit(f"site: {error}")
    except ImportError as error:
        sys.exit(f"site: {error}; make site installs it")
    print(f"site: {target}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Links between the repository's texts: kept where their target is a page of the site, plain text elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection
from posixpath import dirname, join, normpath, relpath

LINK = re.compile(r"(?P<bang>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)")


def within(text: str, *, place: str, pages: Collection[str], moved: str = "") -> str:
    """Markdown with each relative link that leads out of the site as its text alone.

    Parameters
    ----------
    text : Markdown
    place : where the text stands in the repository
    pages : the files of the repository that the site has, by their path in it
    moved : the folder of the site's source in which the text comes to stand, if not that of `place`

    Returns
    -------
    The same text; links to `pages` lead to where they lie, seen from the new place. Pictures and addresses stay. What
    follows a # is a heading in small letters, as the site has it; JupyterLab's links keep the heading's own.

    Examples
    --------
    >>> within("[05](notebooks/05.ipynb) and [data](data)", place="README.md", pages=["notebooks/05.ipynb"])
    '[05](notebooks/05.ipynb) and data'
    """
    here = dirname(place)

    def kept(found: re.Match[str]) -> str:
        path, sign, anchor = found["target"].partition("#")
        if "://" in path or path.startswith("mailto:"):
            return found[0]
        anchor = anchor.lower()
        if not path:
            return f"{found['bang']}[{found['text']}](#{anchor})"
        whole = normpath(join(here, path))
        if whole in pages:
            seen = relpath(whole, moved or here or ".")
            return f"{found['bang']}[{found['text']}]({seen}{sign}{anchor})"
        return found["text"]

    return LINK.sub(kept, text)

"""The files that a user names: what CENSUS= and PROMPTS= say, and which names Snakemake can carry."""

import shlex
from glob import glob
from os.path import expanduser, isfile, normpath

from snakemake.exceptions import WorkflowError


def named_files(value: str, *, name: str) -> list[str]:
    """The files that `value`, the text of the argument `name`, names.

    A value that is itself the name of a file is that file, blanks and quotes and all. Any other is read as a shell
    reads its words: quotes and backslashes keep blanks, `~` is the home folder, `*`, `?` and `[...]` match. A word
    that is itself the name of a file is not taken for a pattern.

    Raises
    ------
    SystemExit
        A quotation does not end, or a word names no file; says which.
    """
    if isfile(expanduser(value)):
        return [normpath(expanduser(value))]
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise SystemExit(f"{name}: {value}: {error}; put a path that holds blanks or quotes between quotes") from error
    return [normpath(file) for word in words for file in _matched(word, name)]


def _matched(word: str, name: str) -> list[str]:
    path = expanduser(word)
    if found := [path] if isfile(path) else sorted(glob(path, recursive=True)):
        return found
    hint = "no file matches" if set(word) & set("*?[") else "no such file; put a path that holds blanks between quotes"
    raise SystemExit(f"{name}: {word}: {hint}")


def without_wildcards(*paths: str) -> tuple[str, ...]:
    """The paths, if Snakemake reads each as the name of one file: it takes {run} and <logs> for something else.

    Raises
    ------
    WorkflowError
        A path holds braces or angle brackets; names it.
    """
    for path in paths:
        if set(path) & set("{}<>"):
            raise WorkflowError(
                f"config: {path}: Snakemake takes braces and angle brackets in a path for wildcards; "
                "rename the file, or name a link to it"
            )
    return paths

"""Official Census files and API answers: resumed, retried, checked, and whole or not at all.

One of the three modules that know a network, with `client` and `batch_service` of `asking`; nothing but the console
script starts it.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import tenacity

from persona_lib.census.archives import DamagedError, PumsError, first_line, members, reading
from persona_lib.census.codebook import read_dictionary
from persona_lib.tables.files import whole

FILES = "https://www2.census.gov/programs-surveys/acs/data/pums"
DICTIONARIES = "https://www2.census.gov/programs-surveys/acs/tech_docs/pums/data_dict"
API = "https://api.census.gov/data"
# Worth another try: too many requests, faults of the server, and of the network in front of it (520 to 527).
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 528)})
T = TypeVar("T")


class DownloadError(PumsError):
    """What could not be fetched, why, and what to do; never holds a key."""


class _Again(Exception):
    """A failure that may pass; `wait_s` is what the server asked for."""

    def __init__(self, said: str, wait_s: float | None = None):
        super().__init__(said)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """How often to try, and how long to wait between: doubled each time, or what the server asks for."""

    tries: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Fetched:
    """A file that is whole: where it lies, its checksum, and the records of each of its members."""

    path: Path
    url: str
    sha256: str
    n_records: dict[str, int]
    is_new: bool


def connect(*, timeout_s: float = 60.0) -> httpx2.Client:
    """A client for the functions of this module: follows no redirect, since a moved answer is a refusal here."""
    agent = {"User-Agent": "persona-compendium/0.1 (research; PUMS)", "Accept-Encoding": "identity"}
    return httpx2.Client(headers=agent, timeout=timeout_s, follow_redirects=False)


def fetch_zip(
    client: httpx2.Client,
    url: str,
    path: Path,
    *,
    member: str,
    patience: Patience = Patience(),  # noqa: B008 (frozen)
    progress: Callable[[int, int | None], None] | None = None,
) -> Fetched:
    """Fetch one official PUMS zip to `path`, which then is whole and checked, or is not there.

    What has come stays in `path`.part and is taken up again, by this call or a later one, as long as
    the server's file is still the same (its ETag or date). A file that is already there is checked
    and kept.

    Parameters
    ----------
    member : regular expression that the names of the CSV members must match
    progress : told the bytes at hand and the bytes of the whole, if known

    Raises
    ------
    DownloadError
        The server refuses, moves or lacks the file, sends a page in its place, or a file that stays
        damaged or short after the last try; a zip without its member, or whose member has no record.
    """
    if path.is_file():
        try:
            return Fetched(path, url, _sha256(path), count_records(path, member), is_new=False)
        except PumsError:
            path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    part, tag = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.tag")

    def attempt() -> dict[str, int]:
        _transfer(client, url, part, tag, progress or (lambda *_: None))
        try:
            return count_records(part, member, name=path.name)
        except PumsError as error:
            part.unlink()
            tag.unlink(missing_ok=True)
            if isinstance(error, DamagedError):
                raise _Again(str(error)) from error
            raise DownloadError(f"{url}: {error}") from error

    found = _patiently(attempt, url, patience)
    os.replace(part, path)
    tag.unlink(missing_ok=True)
    return Fetched(path, url, _sha256(path), found, is_new=True)


def _transfer(client: httpx2.Client, url: str, part: Path, tag: Path, progress: Callable) -> None:
    """Add to `part` what it lacks, or start it anew if the server's file is another one."""
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    headers = {"Range": f"bytes={have}-", "If-Range": tag.read_text("ascii")} if have else {}
    with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code == 416:  # nothing is left to fetch; the check of `part` says whether it is whole
            return
        if answer.status_code not in (200, 206):
            _refuse(answer, url)
        if answer.status_code == 200:
            have = 0
        elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise _Again("another part of the file than was asked for")
        total = have + int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else None
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        pieces = answer.iter_raw()
        start = next(pieces, b"")
        if not have:
            _refuse_page(answer, start, url)
        tag.write_text(mark, "ascii") if mark else tag.unlink(missing_ok=True)
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            for piece in itertools.chain([start], pieces):
                file.write(piece)
                progress(file.tell(), total)


def _refuse_page(answer: httpx2.Response, start: bytes, url: str) -> None:
    """Stop at once if the body is not a zip: a blocked client is answered with a page, often with status 200."""
    if b"PK".startswith(start[:2]):
        return
    if start.lstrip()[:1] == b"<" or "html" in answer.headers.get("Content-Type", ""):
        raise DownloadError(f"{url}: {_blocked('an HTML page in place of the zip', start)}")
    raise DownloadError(f"{url}: not a zip (no PK signature): {start[:40]!r}")


def _blocked(what: str, body: bytes) -> str:
    said = " ('Request Rejected')" if b"Request Rejected" in body else ""
    return f"the server sent {what}{said}: it blocks this client; wait an hour, or fetch the file with a browser"


def count_records(path: Path, member: str, *, name: str | None = None) -> dict[str, int]:
    """Records of each member of a PUMS zip; reading it to the end also checks its checksum.

    Raises
    ------
    PumsError
        As `pums.members`; no member of that name; a member without a record, or whose last record is torn.
    """
    found = {}
    for label, opened in members(path, name=name, form=member):
        with reading(label), opened() as file:
            head = first_line(file, label)
            n_lines, last = 0, b""
            while piece := file.read(1 << 20):
                n_lines += piece.count(b"\n")
                last = (last + piece)[-len(head) - (1 << 12) :]
        tail = last.rstrip(b"\r\n").rsplit(b"\n", 1)[-1]
        if not tail:
            raise PumsError(f"{label}: a header without a single record")
        if tail.count(b",") != head.count(b","):
            raise DamagedError(f"{label}: the last record is torn")
        found[label] = n_lines if last.endswith(b"\n") else n_lines + 1
    return found


def fetch_dictionary(
    client: httpx2.Client,
    url: str,
    path: Path,
    *,
    patience: Patience = Patience(),  # noqa: B008 (frozen)
) -> Path:
    """Fetch one official data dictionary to `path`, which then can be read as one, or is not there.

    Raises
    ------
    DownloadError
        The server refuses, moves or lacks it, or sends something else in its place.
    """

    def attempt() -> bytes:
        answer = client.get(url)
        if answer.status_code != 200:
            _refuse(answer, url)
        if answer.content.lstrip()[:1] == b"<":
            raise DownloadError(f"{url}: {_blocked('an HTML page in place of the dictionary', answer.content)}")
        return answer.content

    with whole(path) as half:
        half.write_bytes(_patiently(attempt, url, patience))
        try:
            read_dictionary(half, name=path.name)
        except PumsError as error:
            raise DownloadError(f"{url}: {error}") from error
    return path


def ask(
    client: httpx2.Client,
    url: str,
    query: Mapping[str, str],
    *,
    key: str = "",
    patience: Patience = Patience(),  # noqa: B008 (frozen)
) -> list[list[str]]:
    """One answer of the Census API: rows of text, the names of the columns first.

    Raises
    ------
    DownloadError
        The key is missing or refused (the API moves such a request to a page); an unknown variable or
        data set; no rows; a page or a broken answer after the last try.
    """
    secret = {"key": key} if key else {}

    def attempt() -> list[list[str]]:
        answer = client.get(url, params={**query, **secret})
        if answer.status_code == 204:
            raise DownloadError(f"{url}: no records for {query.get('for', 'this request')}")
        moved = answer.headers.get("Location", "")
        if "missing_key" in moved:
            raise DownloadError(f"{url}: the API answers only with a key; put yours into the variable CENSUS_API_KEY")
        if "invalid_key" in moved:
            raise DownloadError(f"{url}: the API refuses the key; is it activated?")
        if answer.status_code != 200:
            _refuse(answer, url, key)
        if answer.content.lstrip()[:1] == b"<":
            raise DownloadError(f"{url}: {_blocked('an HTML page in place of the answer', answer.content)}")
        try:
            return _rows(answer.json())
        except ValueError as error:
            raise _Again(f"a broken answer ({str(error)[:80]})") from error

    return _patiently(attempt, url, patience)


def _rows(answer: Any) -> list[list[str]]:
    if not (isinstance(answer, list) and len(answer) > 1 and all(isinstance(row, list) for row in answer)):
        raise ValueError("not a list of rows")
    if any(len(row) != len(answer[0]) for row in answer):
        raise ValueError("rows of unequal length")
    return answer


def _refuse(answer: httpx2.Response, url: str, key: str = "") -> None:
    """Any status but success: come again, or stop with what the server said, less the key."""
    status = answer.status_code
    if status in TRANSIENT:
        wait = answer.headers.get("Retry-After", "")
        raise _Again(f"status {status}", float(wait) if wait.isdigit() else None)
    if answer.is_redirect:
        raise DownloadError(f"{url}: the server moved the request; is the address right?")
    body = answer.read()
    if status == 404:
        raise DownloadError(f"{url}: there is no such file or data set (404); is it published for this year and area?")
    if body.lstrip()[:1] == b"<":
        raise DownloadError(f"{url}: status {status}: {_blocked('a page', body)}")
    said = " ".join(body[:300].decode("utf-8", "replace").split())
    raise DownloadError(f"{url}: status {status}: {said.replace(key, '***') if key else said}")


def _patiently(attempt: Callable[[], T], url: str, patience: Patience) -> T:
    """Try, wait, try again; the last failure is told."""

    def wait_s(state: tenacity.RetryCallState) -> float:
        asked = getattr(_failure(state), "wait_s", None)
        doubled = patience.first_wait_s * 2 ** (state.attempt_number - 1)
        return min(patience.longest_wait_s, doubled if asked is None else asked)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((_Again, httpx2.RequestError))
        & tenacity.retry_if_not_exception_type(httpx2.UnsupportedProtocol),
        stop=tenacity.stop_after_attempt(patience.tries),
        wait=wait_s,
        sleep=patience.sleep,
    )
    try:
        return retrying(attempt)
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL):
        raise DownloadError(f"{url}: no address of a web server") from None
    except tenacity.RetryError as error:
        last = error.last_attempt.exception()
    # a request error may quote the address with its query, so only its kind is told, and it is not chained
    said = str(last) if isinstance(last, _Again) else type(last).__name__
    raise DownloadError(f"{url}: {said}, {patience.tries} times; the same command goes on from here later")


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

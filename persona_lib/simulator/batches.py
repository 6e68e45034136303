"""`/v1/files` and `/v1/batches`: requests handed over as a file, answered in the background, fetched as files.

Everything is kept in memory and ends with the server. Times count from the server's start, since nothing of a
reply may depend on a clock; a batch that is told to take seconds takes them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from persona_lib.simulator.faults import BatchFault, chance
from persona_lib.simulator.protocol import CREATED, ProtocolError

MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 1024 * 1024
_log = logging.getLogger(__name__)
_WINDOW_S = 24 * 3600
_ENDED = ("completed", "failed", "expired", "cancelled")


class BatchStore:
    """The files and batches of one server.

    Parameters
    ----------
    answers : by path, what answers the body of one request
    faults : what happens to the first batch, the second, ...; nothing to the others
    """

    def __init__(self, answers: Mapping[str, Callable[[Any], dict]], faults: Sequence[BatchFault] = ()) -> None:
        self._answers, self._faults = answers, iter(faults)
        self._files: dict[str, dict] = {}
        self._contents: dict[str, bytes] = {}
        self._batches: dict[str, dict] = {}
        self._numbers = itertools.count(1)
        self._start = time.monotonic()
        self._tasks: set[asyncio.Task] = set()

    def routes(self) -> list[tuple[str, str, Callable[[Request], Any]]]:
        """Path, method and act of each route; an act gives a JSON object or a response."""
        return [
            ("/v1/files", "POST", self._upload),
            ("/v1/files", "GET", lambda request: _page(self._files, request)),
            ("/v1/files/{id}", "GET", lambda request: _named(self._files, request)),
            ("/v1/files/{id}", "DELETE", self._delete),
            ("/v1/files/{id}/content", "GET", self._content),
            ("/v1/batches", "POST", self._create),
            ("/v1/batches", "GET", lambda request: _page(self._batches, request)),
            ("/v1/batches/{id}", "GET", lambda request: _named(self._batches, request)),
            ("/v1/batches/{id}/cancel", "POST", self._cancel),
        ]

    def _now(self) -> int:
        return CREATED + int(time.monotonic() - self._start)

    async def _upload(self, request: Request) -> dict:
        async with request.form(max_files=1) as form:
            file, purpose = form.get("file"), form.get("purpose")
            if not isinstance(file, UploadFile) or not isinstance(purpose, str):
                raise ProtocolError(400, "a file needs the parts 'file' and 'purpose'", param="file")
            content = await file.read()
            if len(content) > MOST_BYTES:
                raise ProtocolError(413, f"a file holds {MOST_BYTES} bytes at most", param="file")
            return self._keep(content, file.filename or "file", purpose)

    def _keep(self, content: bytes, name: str, purpose: str) -> dict:
        key = f"file-{next(self._numbers):06d}"
        self._contents[key] = content
        self._files[key] = {
            "id": key,
            "object": "file",
            "bytes": len(content),
            "created_at": self._now(),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        return self._files[key]

    def _content(self, request: Request) -> Response:
        key = _named(self._files, request)["id"]
        return Response(self._contents[key], media_type="application/octet-stream")

    def _delete(self, request: Request) -> dict:
        key = _named(self._files, request)["id"]
        del self._files[key], self._contents[key]
        return {"id": key, "object": "file", "deleted": True}

    async def _create(self, request: Request) -> dict:
        try:
            asked = json.loads(await request.body())
            key, path = asked["input_file_id"], asked["endpoint"]
            metadata = asked.get("metadata")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ProtocolError(400, "a batch needs 'input_file_id', 'endpoint' and 'completion_window'") from error
        for name, value in (("input_file_id", key), ("endpoint", path)):
            if not isinstance(value, str):
                raise ProtocolError(400, f"'{name}' must be a text", param=name)
        if not isinstance(metadata or {}, dict) or not all(isinstance(v, str) for v in (metadata or {}).values()):
            raise ProtocolError(400, "'metadata' must be an object of texts", param="metadata")
        if key not in self._files or self._files[key]["purpose"] != "batch":
            raise ProtocolError(400, f"no file {key!r} of purpose 'batch'", param="input_file_id")
        if path not in self._answers:
            raise ProtocolError(400, f"no batches of {path!r}", param="endpoint")
        if asked.get("completion_window") != "24h":
            raise ProtocolError(400, "'completion_window' must be 24h", param="completion_window")
        now = self._now()
        batch = {
            "id": f"batch_{next(self._numbers):06d}",
            "object": "batch",
            "endpoint": path,
            "errors": None,
            "input_file_id": key,
            "completion_window": "24h",
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": now,
            "expires_at": now + _WINDOW_S,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": metadata,
        }
        self._batches[batch["id"]] = batch
        task = asyncio.create_task(self._end(batch, next(self._faults, BatchFault())))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return batch

    async def _end(self, batch: dict, fault: BatchFault) -> None:
        """Work a batch to its end; one that the simulator itself cannot work has failed."""
        try:
            await self._work(batch, fault)
        except Exception as error:
            _log.exception("a fault of the simulator")
            self._fail(batch, [_wrong("server_error", f"The simulator has a fault of its own: {type(error).__name__}")])

    def _fail(self, batch: dict, errors: list[dict]) -> None:
        batch.update(status="failed", failed_at=self._now(), errors={"object": "list", "data": errors})

    def _cancel(self, request: Request) -> dict:
        batch = _named(self._batches, request)
        if batch["status"] in _ENDED:
            raise ProtocolError(409, f"the batch has ended: {batch['status']}")
        batch.update(status="cancelling", cancelling_at=self._now())
        return batch

    async def _work(self, batch: dict, fault: BatchFault) -> None:
        lines = self._contents[batch["input_file_id"]].splitlines()
        errors = list(itertools.islice(_faulty(lines, batch["endpoint"]), 10))
        if fault.ends == "failed":
            errors = [_wrong(fault.code, f"The batch failed: {fault.code}")]
        if errors:
            self._fail(batch, errors)
            return
        batch["request_counts"]["total"] = len(lines)
        if batch["status"] == "validating":
            batch.update(status="in_progress", in_progress_at=self._now())
        until = time.monotonic() + fault.seconds
        good: list[dict] = []
        bad: list[dict] = []
        for number, line in enumerate(map(json.loads, lines)):
            if number % 20 == 0:
                await asyncio.sleep(0)
            out_of_time = fault.ends != "completed" and number >= (fault.after or 0)
            if out_of_time or batch["status"] == "cancelling":
                ended = "expired" if fault.ends == "expired" and batch["status"] != "cancelling" else "cancelled"
                bad.append(_line(line, error=_undone(ended)))
                continue
            row = self._answer(line, batch["endpoint"], fault)
            (good if row["response"]["status_code"] == 200 else bad).append(row)
            if chance("doubled", line["custom_id"]) < fault.doubled:
                good.append(row)
            batch["request_counts"].update(completed=len(good), failed=len(bad))
        good += [{**good[0], "custom_id": f"stranger-{i}"} for i in range(fault.strangers) if good]
        while time.monotonic() < until and batch["status"] != "cancelling":
            await asyncio.sleep(0.01)
        ended = "cancelled" if batch["status"] == "cancelling" else fault.ends
        for rows, name in ((good, "output"), (bad, "error")):
            if rows:
                content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
                batch[f"{name}_file_id"] = self._keep(content, f"{batch['id']}_{name}.jsonl", "batch_output")["id"]
        batch.update({"status": ended, f"{ended}_at": self._now()})

    def _answer(self, line: Mapping, path: str, fault: BatchFault) -> dict:
        status = 200
        try:
            if chance("errors", line["custom_id"]) < fault.errors:
                raise ProtocolError(500, "The server had an error while processing this request")
            body = self._answers[path](line["body"])
        except ProtocolError as error:
            status, body = error.status, error.body()
        return _line(line, response={"status_code": status, "request_id": f"req-{line['custom_id']}", "body": body})


def _line(line: Mapping, *, response: dict | None = None, error: dict | None = None) -> dict:
    key = line["custom_id"]
    return {"id": f"batch_req_{key}", "custom_id": key, "response": response, "error": error}


def _undone(ended: str) -> dict:
    said = {
        "expired": "This request could not be executed before the completion window expired.",
        "cancelled": "This request was not executed because the batch was cancelled.",
    }
    return {"code": f"batch_{ended}", "message": said[ended]}


def _wrong(code: str, message: str, line: int | None = None, param: str | None = None) -> dict:
    return {"code": code, "message": message, "param": param, "line": line}


def _faulty(lines: Sequence[bytes], path: str) -> Iterator[dict]:
    """What keeps a file from being a batch, as the protocol says it: code, message, line."""
    if not 0 < len(lines) <= MOST_REQUESTS:
        yield _wrong("invalid_request_count", f"a batch has 1 to {MOST_REQUESTS} requests, not {len(lines)}")
        return
    seen: set[str] = set()
    model = None
    for number, text in enumerate(lines, start=1):
        try:
            line = json.loads(text)
            key, body = line["custom_id"], line["body"]
            method, url, name = line["method"], line["url"], body["model"]
            key.encode()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            yield _wrong("invalid_json_line", "not a JSON object of custom_id (a text), method, url and body", number)
            continue
        if key in seen:
            yield _wrong("duplicate_custom_id", f"The custom_id {key!r} is used twice", number, "custom_id")
        if method != "POST" or url != path:
            yield _wrong("mismatched_endpoint", f"{method} {url} is not the batch's POST {path}", number, "url")
        if name != (model := model or name):
            yield _wrong("mismatched_model", f"The batch asks {model}, this line {name}", number, "body.model")
        seen.add(key)


def _named(found: Mapping[str, dict], request: Request) -> dict:
    key = request.path_params["id"]
    if key not in found:
        kind = "batch" if request.url.path.startswith("/v1/batches") else "file"
        raise ProtocolError(404, f"No such {kind}: {key}", param="id")
    return found[key]


def _page(found: Mapping[str, dict], request: Request) -> dict:
    """A page of a list, the newest first, as the protocol pages: `after` an id, `limit` of them."""
    keys = list(found)[::-1]
    after = request.query_params.get("after")
    if after is not None:
        if after not in found:
            raise ProtocolError(400, f"no {after!r} to go on after", param="after")
        keys = keys[keys.index(after) + 1 :]
    limit = request.query_params.get("limit", "20")
    if not re.fullmatch("[0-9]{1,5}", limit) or not 1 <= int(limit) <= 10_000:
        raise ProtocolError(400, "'limit' must be a whole number from 1 to 10000", param="limit")
    page = [found[key] for key in keys[: int(limit)]]
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return {"object": "list", "data": page, **ends, "has_more": len(keys) > len(page)}

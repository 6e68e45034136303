"""A headless Chromium driven over its DevTools protocol: open a page, run JavaScript in it, take its picture."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    """One page of a browser of its own; closed at the end of a `with`."""

    def __init__(self, folder: Path) -> None:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1100,1400"]
        place = folder / "profile"
        flags += ["--remote-debugging-port=0", f"--user-data-dir={place}", "about:blank"]
        self._process = subprocess.Popen([PROGRAM, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._loop, self._number = IOLoop(make_current=False), 0
        port = _waited_for(lambda: (place / "DevToolsActivePort").read_text("utf-8").split("\n")[0])
        pages = _waited_for(lambda: json.load(urlopen(f"http://127.0.0.1:{port}/json")))
        address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self._socket = self._loop.run_sync(lambda: websocket_connect(address, max_message_size=100 << 20))

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._loop.close()

    def _send(self, method: str, **rest) -> dict:
        self._number += 1

        async def sent() -> dict:
            await self._socket.write_message(json.dumps({"id": self._number, "method": method, "params": rest}))
            while (said := json.loads(await self._socket.read_message())).get("id") != self._number:
                pass
            return said["result"]

        return self._loop.run_sync(sent, timeout=60)

    def open(self, address: str) -> None:
        self._send("Page.navigate", url=address)

    def run(self, script: str):
        """The value of a JavaScript expression; None where it threw."""
        return self._send("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def until(self, script: str, *, seconds: float = 60) -> None:
        """Wait until an expression is true."""
        _waited_for(lambda: self.run(script) or 1 / 0, seconds=seconds)

    def picture(self, path: Path) -> Path:
        path.write_bytes(base64.b64decode(self._send("Page.captureScreenshot", format="png")["data"]))
        return path


def _waited_for(found, *, seconds: float = 60):
    end = time.monotonic() + seconds
    while True:
        try:
            return found()
        except (OSError, ArithmeticError, IndexError, StopIteration, ValueError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)

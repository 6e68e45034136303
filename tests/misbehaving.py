"""A web server on this machine that answers by a script."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Scripted(BaseHTTPRequestHandler):
    """Answers each request by the next step of the server's script; the last step is repeated."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Silence."""

    def do_GET(self):
        script, seen = self.server.script, self.server.seen
        seen.append((self.path, dict(self.headers)))
        script[min(len(seen), len(script)) - 1](self)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def reply(self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        if length not in (None, len(body)):
            self.close_connection = True


@contextmanager
def serving() -> Iterator[Callable[..., tuple[str, list]]]:
    """Start servers, each with a script; each gives its address and the list of requests that it sees."""
    servers = []

    def start(*script):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
        server.daemon_threads = True
        server.script, server.seen = script, []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", server.seen

    try:
        yield start
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()

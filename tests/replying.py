"""What the endpoints of the tests share: a connection that is kept open, no log, and one way to send a reply."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler


class Replying(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        """Silence."""

    def send(self, status, block, headers=(), kind="application/json", length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(block)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(block)

"""A certificate authority of a test's own, and a server of this machine whose certificate it signed."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


def issue(folder: Path, *, host: str = "IP:127.0.0.1") -> tuple[Path, Path, Path]:
    """Files: the authority's certificate, the server's certificate for `host`, the server's key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    ca, ca_key, own, own_key, wish = (folder / name for name in ("ca.pem", "ca.key", "own.pem", "own.key", "own.csr"))
    extensions = folder / "own.ext"
    extensions.write_text(f"subjectAltName={host}\n")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-x509", "-days", "2", "-subj", "/CN=a test", "-addext", "basicConstraints=critical,CA:TRUE"]
    authority += ["-addext", "keyUsage=critical,keyCertSign"]
    for command in (
        ["req", *new, *authority, "-keyout", ca_key, "-out", ca],
        ["req", *new, "-subj", "/CN=server", "-keyout", own_key, "-out", wish],
        ["x509", "-req", "-in", wish, "-CA", ca, "-CAkey", ca_key, "-days", "2", "-extfile", extensions, "-out", own],
    ):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)
    return ca, own, own_key


def speak_tls(server, certificate: Path, key: Path) -> None:
    """From now on a server of `http.server` speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)

"""A read-only view of the work store's reports, and nothing else of it, for a browser on this machine."""

import mimetypes
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

from flows.processes import LOOPBACK
from tasks.errors import StoreError
from tasks.store import ReadOnlyStore

_REPORT = re.compile(r"(batches/[\w.-]+/[\w.-]+/[0-9a-f]+|releases/[\w.-]+)/report/[\w./-]+")


def serve_reports(store: ReadOnlyStore, port: int) -> ThreadingHTTPServer:
    """Serve ``…/report/…`` of a store on loopback, in a thread; end with ``shutdown()`` and ``server_close()``."""

    class Reports(BaseHTTPRequestHandler):
        """Answers GET with one report file."""

        def do_GET(self) -> None:
            """Answer one request."""
            key = unquote(self.path.partition("?")[0]).lstrip("/")
            try:
                body = store.read(key) if _REPORT.fullmatch(key) and ".." not in key else None
            except StoreError:
                body = None
            self.send_response(HTTPStatus.OK if body is not None else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", mimetypes.guess_type(key)[0] or "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the signature is the library's
            """Say nothing: a request is no event."""

    server = ThreadingHTTPServer((LOOPBACK, port), Reports)
    Thread(target=server.serve_forever, name="reports", daemon=True).start()
    return server

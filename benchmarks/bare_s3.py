"""The least that an S3 client can do: signed GET and PUT over one connection of the standard library.

Signature version 4 as AWS describes it for single chunks; nothing is tried again, nothing is read back.
"""

import configparser
import hashlib
import hmac
import http.client
import ssl
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

OK = 200
EMPTY = hashlib.sha256(b"").hexdigest()


class BareS3:
    """One connection to one server."""

    def __init__(self, endpoint: str, credentials: Path, ca_bundle: Path | None = None) -> None:
        parts, file = urlsplit(endpoint), configparser.ConfigParser()
        file.read(credentials)
        self.access = file["default"]["aws_access_key_id"]
        self.secret = file["default"]["aws_secret_access_key"]
        self.host = parts.netloc
        if parts.scheme == "https":
            trusted = ssl.create_default_context(cafile=ca_bundle)
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(self.host, context=trusted)
        else:
            self.connection = http.client.HTTPConnection(self.host)
        self.keys: dict[str, bytes] = {}

    def get(self, bucket: str, key: str) -> bytes:
        """Give the content of an object."""
        return self._answer("GET", f"/{bucket}/{quote(key)}", b"", EMPTY)

    def put(self, bucket: str, key: str, content: bytes, sha256: str) -> None:
        """Write an object whose SHA-256 is known."""
        self._answer("PUT", f"/{bucket}/{quote(key)}", content, sha256)

    def _answer(self, method: str, path: str, content: bytes, sha256: str) -> bytes:
        self.connection.request(method, path, body=content or None, headers=self._headers(method, path, sha256))
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != OK:
            raise OSError(f"{method} was answered with {answer.status}")
        return body

    def _headers(self, method: str, path: str, sha256: str) -> dict[str, str]:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope, names = f"{moment[:8]}/us-east-1/s3/aws4_request", "host;x-amz-content-sha256;x-amz-date"
        signed = f"host:{self.host}\nx-amz-content-sha256:{sha256}\nx-amz-date:{moment}\n"
        request = f"{method}\n{path}\n\n{signed}\n{names}\n{sha256}"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(scope), text.encode(), "sha256").hex()
        credential = f"Credential={self.access}/{scope}"
        return {
            "x-amz-content-sha256": sha256,
            "x-amz-date": moment,
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}",
        }

    def _key(self, scope: str) -> bytes:
        if scope not in self.keys:
            key = f"AWS4{self.secret}".encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self.keys[scope] = key
        return self.keys[scope]

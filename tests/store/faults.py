"""Faults of a network, put between one client and its server."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@contextmanager
def lost_answers(client: "S3Client", operation: str, *, times: int = 1) -> Iterator[None]:
    """Let the server do what it is asked, and lose its answer, for the first requests of an operation."""
    left = times

    def lose(request: AWSPreparedRequest, **_: object) -> None:
        nonlocal left
        if left:
            left -= 1
            _send(client, request)
            raise ConnectionClosedError(endpoint_url=request.url)

    with _hooked(client, f"before-send.s3.{operation}", lose):
        yield
    assert left == 0, "the fault never struck"


@contextmanager
def damaged_bodies(client: "S3Client", damage: Callable[[bytes], bytes], *, times: int) -> Iterator[None]:
    """Damage the content of the first objects that are read; headers stay as the server sent them."""
    left = times

    def spoil(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        nonlocal left
        if not left:
            return None
        left -= 1
        answer = _send(client, request)
        return AWSResponse(answer.url, answer.status_code, answer.headers, io.BytesIO(damage(answer.content)))

    with _hooked(client, "before-send.s3.GetObject", spoil):
        yield
    assert left == 0, "the fault never struck"


@contextmanager
def failing(client: "S3Client", operation: str, status: int, code: str, *, times: int) -> Iterator[None]:
    """Answer the first requests of an operation with an error, without asking the server."""
    left = times
    body = f"<Error><Code>{code}</Code><Message>ZZCANARY of the server</Message></Error>".encode()

    def fail(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        nonlocal left
        if not left:
            return None
        left -= 1
        return AWSResponse(request.url, status, {}, _Raw(body))

    with _hooked(client, f"before-send.s3.{operation}", fail):
        yield
    assert left == 0, "the fault never struck"


@contextmanager
def without_conditions(client: "S3Client") -> Iterator[None]:
    """Make the server one that ignores conditional writes, as four of eight that were tried do."""

    def strip(params: dict[str, Any], **_: object) -> None:
        for name in ("If-Match", "If-None-Match"):
            params["headers"].pop(name, None)

    with _hooked(client, "before-call.s3", strip):
        yield


@contextmanager
def recorded(client: "S3Client") -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Keep the name and the parameters of every operation."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def record(params: dict[str, Any], event_name: str, **_: object) -> None:
        seen.append((event_name.rpartition(".")[2], dict(params)))

    with _hooked(client, "before-parameter-build.s3", record):
        yield seen


class _Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield self.read()


def _send(client: "S3Client", request: AWSPreparedRequest) -> AWSResponse:
    answer: AWSResponse = client._endpoint.http_session.send(request)  # type: ignore[attr-defined]
    return answer


@contextmanager
def _hooked(client: "S3Client", event: str, handler: Callable[..., Any]) -> Iterator[None]:
    client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)

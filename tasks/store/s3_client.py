"""One S3 client per process and option set: making one costs more than a hundred requests, and forks must not share."""

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, overload

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from config.settings import S3Options
from config.version import VERSION
from tasks.errors import StoreError
from tasks.store.s3_errors import code_of, explained, is_passing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
CONNECTIONS = 32  # at least as many as threads that share a client
ATTEMPTS = 3  # of the client itself, which soon runs out of what it calls retry quota
DELAYS_SECONDS = (0.5, 1.0, 2.0, 4.0)  # of ours: before each further attempt, after those of the client

Answer = TypeVar("Answer")

_making = threading.Lock()  # a session is not safe to use from two threads


def client_of(options: S3Options) -> "S3Client":
    """Give this process's client; credentials come from boto3's own chain.

    Raises
    ------
    StoreError
        If no client can be made of these options, such as a profile that is not there.
    """
    with _making:
        try:
            return _made(options, os.getpid())
        except BotoCoreError as problem:
            raise explained(problem, "S3") from None
        except ValueError:
            raise StoreError(
                "the endpoint of the S3 store is no address", next_step="give endpoint_url as https://host[:port]"
            ) from None


@overload
def patiently(request: Callable[[], Answer], *, place: str) -> Answer: ...
@overload
def patiently(request: Callable[[], Answer], *, place: str, none_on: frozenset[str]) -> Answer | None: ...
def patiently(request: Callable[[], Answer], *, place: str, none_on: frozenset[str] = frozenset()) -> Answer | None:
    """Give the answer to a request, tried again a few times where that may help.

    Parameters
    ----------
    place
        The bucket as people name it; stands in errors.
    none_on
        Error codes for which the answer is None.

    Raises
    ------
    StoreError
        What went wrong, in our words.
    """
    delays = iter(DELAYS_SECONDS)
    while True:
        try:
            return request()
        except (ClientError, BotoCoreError) as problem:
            if isinstance(problem, ClientError) and code_of(problem) in none_on:
                return None
            delay = next(delays, None)
            if delay is None or not is_passing(problem):
                raise explained(problem, place) from None
        time.sleep(delay)


@functools.cache
def _made(options: S3Options, process: int) -> "S3Client":  # noqa: ARG001 -- a part of the cache's key
    return _session(options).client(
        "s3",
        endpoint_url=options.endpoint_url,
        verify=str(options.ca_bundle) if options.ca_bundle else None,
        config=_configuration(options),
    )


def _session(options: S3Options) -> boto3.Session:
    """Give a session; a credentials file of our own is not overruled by keys that happen to be in the environment."""
    core = botocore.session.Session(profile=options.profile or ("default" if options.credentials_file else None))
    if options.credentials_file:
        core.set_config_variable("credentials_file", str(options.credentials_file))
    return boto3.Session(botocore_session=core, region_name=options.region)


def _configuration(options: S3Options) -> Config:
    """Give the client's configuration; a server other than AWS is spoken to with the bucket in the path."""
    elsewhere = options.endpoint_url is not None
    style = "path" if elsewhere and options.addressing_style == "auto" else options.addressing_style
    return Config(
        signature_version="s3v4" if elsewhere else None,
        s3={"addressing_style": style},
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        request_checksum_calculation="when_required",  # ours is computed once and given with the request
        response_checksum_validation="when_supported" if options.checksum == "sha256" else "when_required",
        user_agent_extra=f"imaging-curation/{VERSION}",
    )

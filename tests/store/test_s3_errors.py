"""What people are told when S3 refuses, by code and by kind."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
    UnauthorizedSSOTokenError,
)

from tasks.store.s3_errors import BY_CODE, SAME_AS, explained, is_passing

URL = "http://ZZCANARY/bucket/key"


def answer(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "ZZCANARY"}}, "PutObject")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("NoSuchBucket", "there is no bucket raw"),
        ("404", "there is no bucket raw"),
        ("AccessDenied", "bucket raw refuses what we asked"),
        ("403", "bucket raw refuses what we asked"),
        ("InvalidAccessKeyId", "the access key is not known"),
        ("SignatureDoesNotMatch", "the secret key is not the right one"),
        ("ExpiredToken", "have expired"),
        ("RequestTimeTooSkewed", "the clock of this machine"),
        ("301", "another region"),
        ("NotImplemented", "does not know a header"),
        ("SlowDown", r"keeps failing or refusing load \(SlowDown\)"),
        ("Peculiar", r"answered with an error \(Peculiar\)"),
        ("", "answered with an error$"),
        ("ZZCANARY with spaces", "answered with an error$"),
    ],
)
def test_every_code_has_words_and_a_next_step(code: str, words: str) -> None:
    error = explained(answer(code), "bucket raw")
    with pytest.raises(type(error), match=words):
        raise error
    assert error.next_step
    assert "ZZCANARY" not in error.message + error.next_step


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (NoCredentialsError(), "no credentials were found"),
        (CredentialRetrievalError(provider="ZZCANARY", error_msg="ZZCANARY"), "cannot be fetched"),
        (UnauthorizedSSOTokenError(), "cannot be fetched"),
        (EndpointConnectionError(endpoint_url=URL), "cannot be reached"),
        (ConnectTimeoutError(endpoint_url=URL), "cannot be reached"),
        (ReadTimeoutError(endpoint_url=URL), "stopped answering"),
        (ConnectionClosedError(endpoint_url=URL), "stopped answering"),
        (SSLError(endpoint_url=URL, error="ZZCANARY"), "certificate"),
        (ParamValidationError(report="ZZCANARY"), "not possible"),
        (BotoCoreError(), r"gave up on bucket raw \(BotoCoreError\)"),
    ],
)
def test_every_kind_has_words_and_a_next_step(problem: BotoCoreError, words: str) -> None:
    error = explained(problem, "bucket raw")
    with pytest.raises(type(error), match=words):
        raise error
    assert error.next_step
    assert "ZZCANARY" not in error.message + error.next_step


@pytest.mark.parametrize(
    ("problem", "passing"),
    [
        (answer("SlowDown"), True),
        (answer("BadDigest"), True),
        (answer("ConditionalRequestConflict"), True),
        (answer("503"), True),
        (answer("AccessDenied"), False),
        (answer("NoSuchBucket"), False),
        (EndpointConnectionError(endpoint_url=URL), True),
        (ReadTimeoutError(endpoint_url=URL), True),
        (SSLError(endpoint_url=URL, error=""), False),
        (NoCredentialsError(), False),
    ],
)
def test_only_what_may_pass_is_tried_again(problem: ClientError | BotoCoreError, *, passing: bool) -> None:
    assert is_passing(problem) is passing


def test_every_other_name_of_a_code_leads_to_words() -> None:
    assert set(SAME_AS.values()) <= set(BY_CODE)

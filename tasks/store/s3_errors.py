"""What can go wrong with S3, in one table: our words and the next step; no key and no text of a server gets through."""

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,  # noqa: A004 -- botocore's own word
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)

from tasks.errors import StoreError

CONFLICT = frozenset({"PreconditionFailed", "412"})
ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
CONNECTION = "connection"

PASSING_CODES = frozenset(
    {
        "BadDigest",  # the body was damaged on its way; nothing was stored
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "409",
        "429",
        "500",
        "502",
        "503",
        "504",
    }
)
PASSING_PROBLEMS = (ConnectionError, HTTPClientError, IncompleteReadError, FlexibleChecksumError)

CREDENTIALS = (
    "check AWS_PROFILE, AWS_ACCESS_KEY_ID and the files of `aws configure`; `aws sts get-caller-identity` tests them"
)
BY_CODE = {
    "NoSuchBucket": ("there is no {place}", "create the bucket, or correct the address and endpoint_url"),
    "AccessDenied": (
        "{place} refuses what we asked with these credentials",
        "give them the right to list, read and write it (raw: list and read), and check expected_bucket_owner",
    ),
    "InvalidAccessKeyId": ("the access key is not known to the server of {place}", CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key is not the right one for {place}", CREDENTIALS),
    "ExpiredToken": ("the credentials for {place} have expired", "sign in again, then run again"),
    "RequestTimeTooSkewed": (
        "the clock of this machine differs too much from that of {place}",
        "set the clock (timedatectl set-ntp true), then run again",
    ),
    "PermanentRedirect": ("{place} lies in another region", "give its region in the settings or the address"),
    "NotImplemented": (
        "the server of {place} does not know a header that we sent",
        "try checksum = none; if that does not help, this server cannot be used",
    ),
    "EntityTooLarge": ("{place} refuses an object of this size", "raise the server's limit"),
    "KMS.NotFoundException": ("the encryption key for {place} is not there", "check kms_key_id"),
}
SAME_AS = {
    "404": "NoSuchBucket",  # of a HEAD, which has no body; a missing object never gets here
    "403": "AccessDenied",
    "Forbidden": "AccessDenied",
    "AllAccessDisabled": "AccessDenied",
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "InvalidToken": "ExpiredToken",
    "TokenRefreshRequired": "ExpiredToken",
    "301": "PermanentRedirect",
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "IllegalLocationConstraintException": "PermanentRedirect",
    "501": "NotImplemented",
}
BY_KIND: tuple[tuple[type[BotoCoreError] | tuple[type[BotoCoreError], ...], str, str], ...] = (
    ((NoCredentialsError, PartialCredentialsError), "no credentials were found for {place}", CREDENTIALS),
    (
        ProfileNotFound,
        "the profile named for {place} is not there",
        "correct the profile; `aws configure list-profiles`",
    ),
    (
        (CredentialRetrievalError, SSOError, TokenRetrievalError),
        "the credentials for {place} cannot be fetched",
        "sign in again (`aws sso login`), then run again",
    ),
    (NoRegionError, "no region is known for {place}", "give the region in the settings or the address"),
    (SSLError, "the certificate of the server of {place} is not trusted", "give its authority as ca_bundle"),
    (
        (FlexibleChecksumError, IncompleteReadError, ResponseStreamingError),
        "an object of {place} arrives damaged, time and again",
        "check the network; if it stays so, the object is damaged where it lies",
    ),
    (
        (ReadTimeoutError, ConnectionClosedError),
        "the server of {place} stopped answering",
        "look at its load and its log, then run again",
    ),
    (
        (ConnectionError, HTTPClientError),
        "the server of {place} cannot be reached",
        "check endpoint_url, the network, and that the server runs (`curate up --check`)",
    ),
    (ParamValidationError, "a key or an option is not possible in {place}", "rename the object, or correct the option"),
)
UNKNOWN_CODE = ("the server of {place} answered with an error", "look it up in the server's documentation and log")
OVERLOADED = ("the server of {place} keeps failing or refusing load", "look at its log and disk space, then run again")


def code_of(problem: ClientError) -> str:
    """Give the error code of an answer; an answer without a body has its HTTP status there."""
    return str(problem.response.get("Error", {}).get("Code", ""))


def is_passing(problem: ClientError | BotoCoreError) -> bool:
    """Tell whether the same request may succeed later."""
    if isinstance(problem, ClientError):
        return code_of(problem) in PASSING_CODES
    return isinstance(problem, PASSING_PROBLEMS) and not isinstance(problem, SSLError)


def explained(problem: ClientError | BotoCoreError, place: str) -> StoreError:
    """Give our error for one of boto3's.

    Parameters
    ----------
    place
        The bucket as people name it, such as ``bucket raw``.
    """
    message, step = _words(problem)
    return StoreError(message.format(place=place), next_step=step)


def _words(problem: ClientError | BotoCoreError) -> tuple[str, str]:
    if isinstance(problem, ClientError):
        code = code_of(problem)
        if code in PASSING_CODES:
            return f"{OVERLOADED[0]} ({code})", OVERLOADED[1]
        known = BY_CODE.get(SAME_AS.get(code, code))
        return known or (UNKNOWN_CODE[0] + _shown(code), UNKNOWN_CODE[1])
    for kind, message, step in BY_KIND:
        if isinstance(problem, kind):
            return message, step
    return f"the S3 client gave up on {{place}} ({type(problem).__name__})", "check the settings of S3"


def _shown(code: str) -> str:
    """Give an error code for a message, unless it does not look like one."""
    return f" ({code})" if re.fullmatch(r"[A-Za-z0-9.]{1,60}", code) else ""

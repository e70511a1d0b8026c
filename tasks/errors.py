"""The errors of the pipeline, as one tree; each carries an exit code and what to do next, and never a source value.

CurationError                exit
├── StoreError               4    a bucket is missing, refuses us, or cannot be reached
│   ├── MissingKeyError      4    there is no object under this key
│   ├── KeyExistsError       4    create met other bytes under this key
│   └── StaleVersionError    4    compare-and-swap met a newer version
├── BatchNotReadyError       5    the batch is empty, half uploaded, or unknown
├── GateError                6    a gate stopped the batch or the release: nothing was accepted or published
├── VerificationError        7    a release or a store is not what it should be
├── AccountingError          8    inputs in and rows out differ: a defect of ours, nothing was accepted
└── ShardTimeoutError        9    the work on one shard did not end in time
"""

from typing import ClassVar


class CurationError(Exception):
    """A failure that a person can act on.

    Parameters
    ----------
    message
        One line: what is wrong, in our own words, keys and counts only.
    next_step
        One line: what to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Travel between processes with the next step."""
        return _rebuild, (type(self), self.message, self.next_step)


def _rebuild(kind: type[CurationError], message: str, next_step: str) -> CurationError:
    return kind(message, next_step=next_step)


class StoreError(CurationError):
    """A store is missing, refuses us, or cannot be reached."""

    exit_code = 4


class MissingKeyError(StoreError):
    """There is no object under this key."""


class KeyExistsError(StoreError):
    """An object with other bytes already stands under this key."""


class StaleVersionError(StoreError):
    """The object changed since it was read."""


class BatchNotReadyError(CurationError):
    """The batch is empty, half uploaded, or not there."""

    exit_code = 5


class GateError(CurationError):
    """A gate stopped a batch or a release; nothing was accepted or published."""

    exit_code = 6


class VerificationError(CurationError):
    """A release or a store is not what it says it is."""

    exit_code = 7


class AccountingError(CurationError):
    """The rows that came out are not the inputs that went in."""

    exit_code = 8


class ShardTimeoutError(CurationError):
    """The work on one shard did not end in time."""

    exit_code = 9

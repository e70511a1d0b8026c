"""A limit to the time that one object may take, where the system can interrupt: in the main thread of a process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfTimeError(BaseException):
    """An object took too long; no handler of ordinary exceptions on the way is meant to take it for one."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt what runs for longer; in other threads than the main one nothing is interrupted.

    Raises
    ------
    OutOfTimeError
        In the midst of what took too long.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise OutOfTimeError

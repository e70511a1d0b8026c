"""Who is told how far a run has come: nobody, or the bar of the command line that started it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Observer = Callable[[str, int, int], None]  # stage, done, total
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Tell `observer` how far the runs inside this block have come."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def tell(stage: str, done: int, total: int) -> None:
    """Say that `done` of `total` parts of a stage are finished."""
    observer = _observer.get()
    if observer is not None:
        observer(stage, done, total)

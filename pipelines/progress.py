"""One channel on which long work tells how far it is. Whoever shows it subscribes.

Not here: how it looks (`console.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A stage (`ingest`, `link`, `build`, `check`, `publish`), what it is at, and how far."""

    stage: str
    name: str
    done: int
    total: int
    note: str = ""


_listeners: list[Callable[[Step], None]] = []


def report(step: Step) -> None:
    for listener in _listeners:
        listener(step)


@contextmanager
def listening(listener: Callable[[Step], None]) -> Iterator[None]:
    """Hear every report while the context is open."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)

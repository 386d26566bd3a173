"""What a run has made and found, told once: the command line hands it to Dagster's instance,
Dagster's own steps to Dagster.

Belongs here: the two kinds of event and the channel. Not here: who tells (`steps.py`) and what
Dagster makes of it (`dagster_events.py`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, ...]
"""Layer and name of an asset, e.g. ("silver", "encounter")."""


@dataclass(frozen=True)
class Made:
    """A table was made or renewed, a feed brought something. Never carries content of patients."""

    key: Key
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """A check was held against an asset. A `critical` one stops what follows."""

    key: Key
    name: str
    passed: bool
    critical: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)


Event = Made | Checked
_recorders: list[list[Event]] = []


def tell(event: Event) -> None:
    for recorder in _recorders:
        recorder.append(event)


@contextmanager
def recording() -> Iterator[list[Event]]:
    """Collect every event while the context is open."""
    events: list[Event] = []
    _recorders.append(events)
    try:
        yield events
    finally:
        _recorders.remove(events)

"""One writer a feed at a time: a second one waits, and then finds the work done.

Belongs here: the lock between processes. Not here: what is written (`ingest.py`, `quarantine.py`).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from ingestion.lake import Lake


@contextmanager
def turn(lake: Lake, feed: str) -> Iterator[None]:
    """Hold the feed's lock; the system lets go of it even when the process dies."""
    path = lake.home / "locks" / f"{feed}.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield

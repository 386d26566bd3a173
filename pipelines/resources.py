"""The lake as a Dagster resource: steps are given it, nothing reads a module's global.

Not here: what a lake is (`ingestion/lake.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from ingestion.lake import Lake
from pipelines.run_lock import writing


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One county's lake by its home."""

    home: str

    @contextmanager
    def writing(self, what: str) -> Iterator[Lake]:
        """The lake, held for writing by one step.

        Raises:
            Busy: a command or another run writes it.
        """
        lake = Lake.open(Path(self.home))
        with writing(lake, f"Dagster {what}"):
            yield lake

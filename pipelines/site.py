"""What this site has: the project's contracts and indicators, and those it keeps in its own lake.

A site adds a feed or an indicator without touching the project: `YIGONG_HOME/contracts/<member>/`
and `YIGONG_HOME/indicators/` hold the same kinds of files as the project's own folders.
"""

from pathlib import Path

from ingestion.contract import CONTRACT_DIR, Contract, load_contracts
from standards.catalogue import IndicatorSystem, load_systems


def contracts(home: Path) -> dict[str, Contract]:
    """All contracts by feed name, in order of the name.

    Raises:
        ValueError: the project and the site both define a feed.
    """
    found: dict[str, Contract] = {}
    for directory in (CONTRACT_DIR, home / "contracts"):
        for feed, contract in load_contracts(directory).items():
            if feed in found:
                raise ValueError(f"feed {feed} is defined twice")
            found[feed] = contract
    return dict(sorted(found.items()))


def indicator_systems(home: Path) -> list[IndicatorSystem]:
    """The project's evaluation systems and, after them, the site's own."""
    return [*load_systems(), *load_systems(home / "indicators")]

"""The sites whose feeds are tried: every one beside the demo and in the tests, or the one given.

`YIGONG_SITE=folder` tries a county's own site instead, wherever it lies.
"""

import os
from pathlib import Path

from ingestion.site import SITES, Site

_HERE = Path(__file__).resolve().parents[1] / "sites"
_GIVEN = os.environ.get("YIGONG_SITE")


def _folders() -> list[Path]:
    if _GIVEN:
        return [Path(_GIVEN)]
    return sorted(p.parent for folder in (SITES, _HERE) for p in folder.glob("*/site.yml"))


EVERY = [Site.open(folder) for folder in _folders()]

"""The asset files as read from assets/, and the ids that everything made from them carries.

Belongs here: reading, ids. Does not belong here: what Superset wants of them (compile_assets.py).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset, read_datasets

ASSETS = Path(__file__).resolve().parent / "assets"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "cockpit.yigong")


class AssetError(ValueError):
    """An asset file refers to something that is not there."""


@dataclass(frozen=True)
class Assets:
    """What was read, by name: datasets from beside the models, charts, pages (`layouts`)."""

    datasets: dict[str, Dataset]
    charts: dict[str, dict[str, Any]]
    layouts: dict[str, dict[str, Any]]
    css: str


def stable_id(kind: str, name: str) -> str:
    """The same uuid for the same asset on every site and every start."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{name}"))


def read_assets(folder: Path = ASSETS) -> Assets:
    """Read every asset file under a folder.

    Charts stand in files of their own or in the page that shows them; any page may show any chart.

    Raises:
        AssetError: two charts have one name.
    """

    def read(paths: list[Path]) -> dict[str, dict[str, Any]]:
        return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}

    charts, layouts = read(sorted(folder.glob("charts/*.yml"))), read(sorted(folder.glob("*.yml")))
    for page, layout in layouts.items():
        own = layout.get("charts", {})
        if twice := set(own) & set(charts):
            raise AssetError(f"page {page}: there are other charts named {sorted(twice)}")
        charts |= own
    return Assets(
        datasets=read_datasets(),
        charts=charts,
        layouts=layouts,
        css=(folder / "cockpit.css").read_text(encoding="utf-8"),
    )

"""The asset files as read from assets/, and the ids that everything made from them carries.

Belongs here: reading, ids. Does not belong here: what Superset wants of them (compile_assets.py).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ASSETS = Path(__file__).resolve().parent / "assets"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "cockpit.yigong")


class AssetError(ValueError):
    """An asset file refers to something that is not there."""


@dataclass(frozen=True)
class Assets:
    """The compact files as read: file stem to content."""

    datasets: dict[str, dict[str, Any]]
    charts: dict[str, dict[str, Any]]
    layouts: dict[str, dict[str, Any]]
    css: str


def stable_id(kind: str, name: str) -> str:
    """The same uuid for the same asset on every site and every start."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{name}"))


def read_assets(folder: Path = ASSETS) -> Assets:
    """Read every asset file under a folder."""

    def read(paths: list[Path]) -> dict[str, dict[str, Any]]:
        return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}

    return Assets(
        datasets=read(sorted(folder.glob("datasets/*.yml"))),
        charts=read(sorted(folder.glob("charts/*.yml"))),
        layouts=read(sorted(folder.glob("*.yml"))),
        css=(folder / "cockpit.css").read_text(encoding="utf-8"),
    )


def column_labels(dataset: dict[str, Any]) -> dict[str, str]:
    """Column name to Chinese label, in the order of the file; computed columns come last."""
    stored = {name: label for group in dataset["columns"].values() for name, label in group.items()}
    return stored | {name: item["label"] for name, item in dataset.get("computed", {}).items()}

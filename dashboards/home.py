"""Where the cockpit keeps its files under YIGONG_HOME, and how it finds the published warehouse.

Belongs here: paths, the secret key file, the county's folder, the real path of the current version.
Does not belong here: Superset settings (superset_config.py) or starting processes (serve.py).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import yaml

DASHBOARDS = Path(__file__).resolve().parent
WAREHOUSE_NAME = "county.duckdb"  # DuckDB names the catalog after the file: never rename it


class WarehouseMissing(RuntimeError):
    """No version has been published yet."""


def home() -> Path:
    """The data home of this site, from YIGONG_HOME."""
    value = os.environ.get("YIGONG_HOME")
    if not value:
        raise SystemExit("set YIGONG_HOME to the data home of this site")
    return Path(value).expanduser().resolve()


def site_folder() -> Path | None:
    """The folder of the county this home has chosen (`yigong init`); None before that."""
    choice = home() / "lake.yml"
    if not choice.exists():
        return None
    name = yaml.safe_load(choice.read_text(encoding="utf-8"))["site"]
    return home() / name if "/" in name else DASHBOARDS.parent / "sites" / name


def site_accounts() -> list[dict[str, str]]:
    """Accounts of single organizations, from `roles.yml` of the county's folder, if it has one."""
    folder = site_folder()
    path = folder / "roles.yml" if folder else None
    if path is None or not path.exists():
        return []
    found: list[dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8"))["accounts"]
    return found


def superset_home() -> Path:
    """Folder of the metadata database, caches, accounts, process id and log."""
    folder = home() / "superset"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def warehouse() -> Path:
    """The real path of the current published file.

    DuckDB keeps one instance per path, so a reader that opened `current` would go on seeing the
    version it opened first; the resolved path differs for every version.
    """
    path = home() / "published" / "current" / WAREHOUSE_NAME
    if not path.exists():
        raise WarehouseMissing(f"nothing is published yet: {path} does not exist")
    return path.resolve()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, atomically."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    temporary.replace(path)


def secret_key() -> str:
    """SUPERSET_SECRET_KEY, or a key generated once for this home."""
    if value := os.environ.get("SUPERSET_SECRET_KEY"):
        return value
    path = superset_home() / "secret_key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8")

"""Brings Superset to the state that this folder describes: schema, words, assets, roles, accounts.

One process, so the application is loaded once; nothing is done when nothing has changed.
Belongs here: the order of the steps. Does not belong here: what a step does in detail
(translations.py, compile_assets.py, security.py) or starting the server (serve.py).

    YIGONG_HOME=... python dashboards/bootstrap.py [--force]
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import duckdb
import translations
import yaml
from compile_assets import compile_bundle
from datasets import property_files
from home import DASHBOARDS, secret_key, site_accounts, superset_home, warehouse


def published_organizations() -> list[tuple[str, str]]:
    """(organization_id, organization_level) of the current published version, by id."""
    from superset_config import DUCKDB_CONFIG

    with duckdb.connect(str(warehouse()), read_only=True, config=dict(DUCKDB_CONFIG)) as connection:
        return connection.execute(
            "select organization_id, organization_level from organization order by 1"
        ).fetchall()


def fingerprint(organizations: list[tuple[str, str]]) -> str:
    """Changes with Superset, this folder, the datasets, the organizations and their accounts."""
    digest = hashlib.sha256(importlib.metadata.version("apache-superset").encode())
    told = [organizations, site_accounts()]
    digest.update(json.dumps(told, ensure_ascii=False).encode())
    digest.update(os.environ.get("SUPERSET_DB_URI", "").encode())
    files = [*DASHBOARDS.glob("*.py"), *DASHBOARDS.glob("*.yml"), *DASHBOARDS.glob("assets/**/*")]
    files += property_files()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(str(path.relative_to(DASHBOARDS.parent)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _import_assets(bundle: dict[str, str]) -> None:
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    ImportAssetsCommand(bundle).run()
    _prune(bundle)


def _prune(bundle: dict[str, str]) -> int:
    """Delete what an earlier bundle made and this one no longer has.

    Our ids are version 5; what people make by hand has version 4 and is left alone.
    """
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    kept = {uuid.UUID(yaml.safe_load(text)["uuid"]) for path, text in bundle.items() if "/" in path}
    gone: list[Any] = [
        item
        for model in (Dashboard, Slice, SqlaTable)
        for item in db.session.query(model).all()
        if item.uuid and item.uuid.version == 5 and item.uuid not in kept
    ]
    for item in gone:
        db.session.delete(item)
    db.session.commit()
    return len(gone)


def _unhurried_disk(connection: Any, _record: Any) -> None:
    """SQLite need not wait for the disk while thousands of small rows are made from these files."""
    if type(connection).__module__ == "sqlite3":
        connection.execute("pragma synchronous = off")


def apply(organizations: list[tuple[str, str]]) -> None:
    """Run every step on the metadata database."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from superset.app import create_app

    event.listen(Engine, "connect", _unhurried_disk)
    app = create_app()
    with app.app_context():
        import security
        import superset
        from flask import g
        from flask_migrate import upgrade
        from superset import security_manager as manager

        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        app.appbuilder.add_permissions(update_perms=True)
        manager.sync_role_definitions()
        roles = security.read_roles()
        security.apply_accounts({**roles, "accounts": roles["accounts"][:1]})
        g.user = manager.find_user(username=roles["accounts"][0]["username"])
        _import_assets(compile_bundle())
        security.apply_roles(roles, organizations)
        security.apply_accounts(roles)
        security.close_accounts(roles)


def bootstrap(force: bool = False) -> bool:
    """Bring the cockpit up to date; False when it already was."""
    os.environ["SUPERSET_CONFIG_PATH"] = str(DASHBOARDS / "superset_config.py")
    secret_key()
    words_changed = translations.rebuild()
    organizations = published_organizations()
    digest = fingerprint(organizations)
    state = superset_home() / "bootstrap.json"
    done = json.loads(state.read_text(encoding="utf-8")) if state.exists() else {}
    on_disk = "SUPERSET_DB_URI" in os.environ or (superset_home() / "superset.db").exists()
    if done.get("digest") == digest and on_disk and not force:
        return words_changed
    state.unlink(missing_ok=True)
    apply(organizations)
    state.write_text(json.dumps({"digest": digest}), encoding="utf-8")
    return True


if __name__ == "__main__":
    started = time.monotonic()
    changed = bootstrap(force="--force" in sys.argv)
    word = "up to date" if changed else "nothing to do"
    print(f"cockpit: {word} ({time.monotonic() - started:.1f} s)")

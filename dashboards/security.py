"""Roles, accounts and row rules of the cockpit, as roles.yml says; inside the Superset app.

Belongs here: making Superset's roles, rules and accounts equal to roles.yml, closed by default.
Does not belong here: importing assets (bootstrap.py), settings (superset_config.py).
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import yaml
from home import DASHBOARDS, site_accounts, superset_home, write_private
from superset import db
from superset import security_manager as manager
from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable
from superset.models.core import Database
from superset.models.dashboard import Dashboard
from superset.utils.core import RowLevelSecurityFilterType

ORGANIZATION_COLUMN = "organization_id"
CLOSED_RULE = "未授权者看不到任何行"
CLOSED_CLAUSE = "1 = 0"
RULE_GROUP = "机构"


def read_roles(path: Path = DASHBOARDS / "roles.yml") -> dict[str, Any]:
    """roles.yml, and after its accounts those of the county's organizations.

    Raises:
        ValueError: the county gives an account a name that is taken.
    """
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    taken = {account["username"] for account in content["accounts"]}
    for account in site_accounts():
        if account["username"] in taken:
            raise ValueError(f"account {account['username']} is defined twice")
        taken.add(account["username"])
        role = content["institution_roles"]["name"].format(organization_id=account["organization"])
        content["accounts"].append({**account, "role": role})
    return content


def institution_roles(
    roles: dict[str, Any], organizations: list[tuple[str, str]]
) -> dict[str, str]:
    """Role name to row clause, for every organization (id, level) that gets a role of its own."""
    template = roles["institution_roles"]
    return {
        template["name"].format(organization_id=identifier): template["clause"].format(
            organization_id=identifier
        )
        for identifier, level in organizations
        if level in template["levels"]
    }


def _named(permission: str) -> Any:
    name, view = permission.split(" on ", 1)
    found = manager.find_permission_view_menu(name, view)
    if found is None:
        raise LookupError(f"roles.yml: Superset knows no permission {permission!r}")
    return found


def _permissions(roles: dict[str, Any], sets: list[str]) -> list[Any]:
    found: list[Any] = []
    for name in sets:
        entry = roles["permissions"][name]
        if isinstance(entry, dict):
            found += manager.find_role(entry["role"]).permissions
        else:
            found += [_named(permission) for permission in entry]
    return found


def _set_role(name: str, permissions: list[Any]) -> Any:
    role = manager.find_role(name) or manager.add_role(name)
    role.permissions = list(dict.fromkeys(permissions))
    return role


def apply_roles(roles: dict[str, Any], organizations: list[tuple[str, str]]) -> None:
    """Make roles, row rules and the dashboard's readers what roles.yml says, in one commit."""
    datasets = [table for table in db.session.query(SqlaTable).all() if table.uuid.version == 5]
    data = [manager.find_permission_view_menu("datasource_access", t.get_perm()) for t in datasets]
    databases = [
        manager.find_permission_view_menu("database_access", database.perm)
        for database in db.session.query(Database).all()
    ]
    seeing_all, readers = [manager.find_role("Admin")], []
    for entry in roles["roles"]:
        extra = databases if "query" in entry["may"] else []
        role = _set_role(entry["name"], _permissions(roles, entry["may"]) + data + extra)
        readers.append(role)
        if entry.get("sees") == "all":
            seeing_all.append(role)
    clauses = institution_roles(roles, organizations)
    view = _permissions(roles, roles["institution_roles"]["may"])
    own = {name: _set_role(name, view + data) for name in clauses}
    manager.find_role("Public").permissions = _permissions(roles, ["public"])

    tables = [
        table
        for table in datasets
        if any(column.column_name == ORGANIZATION_COLUMN for column in table.columns)
    ]
    _set_rule(
        CLOSED_RULE,
        CLOSED_CLAUSE,
        RowLevelSecurityFilterType.BASE,
        [*seeing_all, *own.values()],
        tables,
    )
    for name, clause in clauses.items():
        _set_rule(name, clause, RowLevelSecurityFilterType.REGULAR, [own[name]], tables)
    _remove_gone(roles, {CLOSED_RULE, *clauses})
    for dashboard in db.session.query(Dashboard).all():
        if dashboard.uuid.version == 5:
            dashboard.roles = [*readers, *own.values()]
    db.session.commit()


def _set_rule(
    name: str, clause: str, kind: RowLevelSecurityFilterType, roles: list[Any], tables: list[Any]
) -> None:
    rule = db.session.query(RowLevelSecurityFilter).filter_by(name=name).one_or_none()
    if rule is None:
        rule = RowLevelSecurityFilter(name=name)
        db.session.add(rule)
    rule.clause = clause
    rule.filter_type = kind
    # rules of one group are joined by OR: an account with two institutions sees both
    rule.group_key = RULE_GROUP if kind is RowLevelSecurityFilterType.REGULAR else None
    rule.roles = roles
    rule.tables = tables


def _remove_gone(roles: dict[str, Any], names: set[str]) -> None:
    """Institution roles and rules whose organization is no longer published."""
    prefix = roles["institution_roles"]["name"].split("{", 1)[0]
    for rule in db.session.query(RowLevelSecurityFilter).all():
        if rule.name.startswith(prefix) and rule.name not in names:
            db.session.delete(rule)
    for role in manager.get_all_roles():
        if role.name.startswith(prefix) and role.name not in names:
            role.permissions = []
            role.user = []
            db.session.delete(role)


def apply_accounts(roles: dict[str, Any]) -> None:
    """Create the accounts of roles.yml; a generated password is written once and then kept."""
    path = superset_home() / "accounts.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for entry in roles["accounts"]:
        name, role = entry["username"], manager.find_role(entry["role"])
        if role is None:  # not in the register that was published, or at a level without roles
            print(f"no account {name}: its organization has no role")
            continue
        password = known.get(name, {}).get("password") or secrets.token_urlsafe(15)
        user = manager.find_user(username=name)
        if user is None:
            user = manager.add_user(
                name, entry["display_name"], "", f"{name}@localhost", [role], password
            )
        elif name not in known:
            manager.reset_password(user.id, password)
        user.roles, user.active = [role], True
        known[name] = {"role": entry["role"], "password": password}
    db.session.commit()
    write_private(path, json.dumps(known, ensure_ascii=False, indent=2) + "\n")


def close_accounts(roles: dict[str, Any]) -> None:
    """Close the accounts that were made here and that roles.yml no longer has, or whose role went.

    People's own accounts, made by hand in Superset, are left alone.
    """
    path = superset_home() / "accounts.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    kept = {a["username"] for a in roles["accounts"] if manager.find_role(a["role"])}
    for name in sorted(set(known) - kept):
        user = manager.find_user(username=name)
        if user is not None:
            user.roles, user.active = [], False
        del known[name]
    db.session.commit()
    write_private(path, json.dumps(known, ensure_ascii=False, indent=2) + "\n")

"""A running cockpit and its REST interface, for the tests.

Belongs here: talking to the cockpit. Does not belong here: starting it, its county (conftest.py).
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

DASHBOARDS = Path(__file__).resolve().parents[2] / "dashboards"
PYTHON = DASHBOARDS / ".venv" / "bin" / "python"


class Api:
    """A logged-in session of the REST interface, with the token that posts need."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"
        answer = self.request("GET", "/api/v1/security/csrf_token/")
        if answer.status_code == 200:
            self.session.headers["X-CSRFToken"] = answer.json()["result"]

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.base_url}{path}", timeout=60, **options)

    def chart(self, identifier: int) -> dict[str, Any]:
        """The result of a chart's saved query."""
        response = self.request("GET", f"/api/v1/chart/{identifier}/data/?force=true")
        assert response.status_code == 200, response.text[:500]
        result: dict[str, Any] = response.json()["result"][0]
        return result

    def query(self, dataset: int, columns: list[Any], metrics: list[Any]) -> requests.Response:
        """A query of one's own on a dataset."""
        return self.request(
            "POST",
            "/api/v1/chart/data",
            json={
                "datasource": {"id": dataset, "type": "table"},
                "force": True,
                "queries": [{"columns": columns, "metrics": metrics, "row_limit": 1000}],
                "result_format": "json",
                "result_type": "full",
            },
        )


@dataclass
class Cockpit:
    """A running cockpit."""

    base_url: str
    home: Path
    port: int
    sessions: dict[str, Api] = field(default_factory=dict)

    @property
    def accounts(self) -> dict[str, dict[str, str]]:
        path = self.home / "superset" / "accounts.json"
        content: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def login(self, username: str, password: str | None = None) -> Api:
        """One session for each account; logins are throttled."""
        if username not in self.sessions:
            response = requests.post(
                f"{self.base_url}/api/v1/security/login",
                json={
                    "username": username,
                    "password": password or self.accounts[username]["password"],
                    "provider": "db",
                },
                timeout=60,
            )
            assert response.status_code == 200, response.text[:300]
            self.sessions[username] = Api(self.base_url, response.json()["access_token"])
        return self.sessions[username]

    def run(self, action: str) -> subprocess.CompletedProcess[str]:
        """serve.py as the command line calls it."""
        return subprocess.run(
            [str(PYTHON), str(DASHBOARDS / "serve.py"), action, "--port", str(self.port)],
            env={**os.environ, "YIGONG_HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

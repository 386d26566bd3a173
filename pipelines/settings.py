"""Where the project and the lake are, and that no tool phones home.

Read before any tool is imported.
"""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

_QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "PYTHONWARNINGS": "ignore",
}


_DAGSTER = """\
telemetry: {enabled: false}
nux: {enabled: false}
freshness: {enabled: true}
concurrency:
  runs: {max_concurrent_runs: 1}  # one DuckDB file has one writer
"""


def home() -> Path:
    """The lake's folder: `YIGONG_HOME`, else `var/` of the project."""
    given = os.environ.get("YIGONG_HOME")
    return Path(given).absolute() if given else PROJECT / "var"


def prepare_environment() -> Path:
    """Set what the tools read from the environment: telemetry off, paths under the lake's home.
    What this process writes from now on is its owner's alone."""
    os.umask(0o077)
    lake_home = home()
    dagster_home = lake_home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    (lake_home / "logs").mkdir(exist_ok=True)
    settings = dagster_home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_DAGSTER)
    os.environ.update(_QUIET)
    os.environ["YIGONG_HOME"] = str(lake_home)
    os.environ["DAGSTER_HOME"] = str(dagster_home)
    os.environ["DBT_TARGET_PATH"] = str(lake_home / "dbt")
    os.environ["DBT_LOG_PATH"] = str(lake_home / "logs")
    return lake_home

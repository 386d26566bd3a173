"""Starts, stops and watches the cockpit on this machine.

Belongs here: the gunicorn process, its pid file and log. Does not belong here: preparing Superset
(bootstrap.py) or its settings (superset_config.py).

    YIGONG_HOME=... dashboards/.venv/bin/python dashboards/serve.py start|stop|status|refresh
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from home import DASHBOARDS, WarehouseMissing, superset_home

DEFAULT_PORT = 8088
START_SECONDS = 120
STOP_SECONDS = 20


def _pid_file() -> Path:
    return superset_home() / "gunicorn.pid"


def _log_file() -> Path:
    return superset_home() / "gunicorn.log"


def running_pid() -> int | None:
    """Process id of the cockpit of this home, or None; a pid file left behind does not count."""
    try:
        pid = int(_pid_file().read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return pid if b"gunicorn" in command else None


def answers(port: int) -> bool:
    """Whether the login page answers; /health is fine even when the login page is broken."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login/", timeout=20) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def start(port: int) -> int:
    """Prepare what has changed, start gunicorn in the background and wait for the login page."""
    import bootstrap

    try:
        bootstrap.bootstrap()
    except WarehouseMissing as error:
        print(f"cockpit: {error}", file=sys.stderr)
        return 2
    if running_pid() is not None:
        if answers(port):
            print(f"cockpit: already running at http://127.0.0.1:{port}/")
            return 0
        print("cockpit: running, but not on this port; stop it first", file=sys.stderr)
        return 1
    path = [str(DASHBOARDS), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "SUPERSET_CONFIG_PATH": str(DASHBOARDS / "superset_config.py"),
        "PYTHONPATH": os.pathsep.join(path),
    }
    command = [
        sys.executable, "-m", "gunicorn", "wsgi:application", "--preload",
        "--bind", f"127.0.0.1:{port}", "--workers", os.environ.get("YIGONG_COCKPIT_WORKERS", "2"),
        "--worker-class", "gthread", "--threads", "6", "--timeout", "120",
        "--pid", str(_pid_file()), "--name", "yigong-cockpit", "--no-control-socket",
    ]  # fmt: skip
    with _log_file().open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=superset_home(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if answers(port):
            print(f"cockpit: http://127.0.0.1:{port}/superset/dashboard/county-overview/")
            return 0
        time.sleep(0.5)
    print(f"cockpit: did not start, see {_log_file()}", file=sys.stderr)
    if process.poll() is None:
        process.terminate()
    return 1


def stop() -> int:
    """Stop the cockpit of this home."""
    pid = running_pid()
    if pid is None:
        print("cockpit: not running")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if running_pid() is None:
            _pid_file().unlink(missing_ok=True)
            print("cockpit: stopped")
            return 0
        time.sleep(0.2)
    print(f"cockpit: process {pid} has not stopped", file=sys.stderr)
    return 1


def status(port: int) -> int:
    """0 when the login page answers, 3 when nothing runs, 1 when it runs but does not answer."""
    pid = running_pid()
    if pid is None:
        print("cockpit: not running")
        return 3
    healthy = answers(port)
    print(f"cockpit: process {pid}, " + (f"port {port} answers" if healthy else "does not answer"))
    return 0 if healthy else 1


def refresh() -> int:
    """Forget cached query results; run it after every publish."""
    count = 0
    for path in (superset_home() / "cache" / "data").glob("*"):
        if path.is_file():
            path.unlink(missing_ok=True)
            count += 1
    print(f"cockpit: {count} cached results removed")
    return 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["start", "stop", "status", "refresh"])
    parser.add_argument(
        "--port", type=int, default=int(os.environ.get("YIGONG_COCKPIT_PORT", DEFAULT_PORT))
    )
    arguments = parser.parse_args()
    match arguments.action:
        case "start":
            return start(arguments.port)
        case "stop":
            return stop()
        case "status":
            return status(arguments.port)
        case _:
            return refresh()


if __name__ == "__main__":
    raise SystemExit(main())

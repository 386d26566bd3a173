"""Starts, stops and watches the cockpit on this machine.

Belongs here: the gunicorn process, its pid file and log. Does not belong here: preparing Superset
(bootstrap.py) or its settings (superset_config.py).

    YIGONG_HOME=... dashboards/.venv/bin/python dashboards/serve.py start|stop|status|refresh
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from home import DASHBOARDS, WarehouseMissing, superset_home, warehouse

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
    try:
        warehouse()
    except WarehouseMissing as error:
        print(f"驾驶舱：尚未发布任何版本（{error}）", file=sys.stderr)
        return 2
    if not _prepare():
        return 1
    if running_pid() is not None:
        if answers(port):
            refresh()
            _say_where(port)
            return 0
        print("驾驶舱：已在其他端口运行，请先停止", file=sys.stderr)
        return 1
    print("驾驶舱：正在启动…", flush=True)
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
            _say_where(port)
            return 0
        time.sleep(0.5)
    print(f"驾驶舱：未能启动，详见 {_log_file()}", file=sys.stderr)
    if process.poll() is None:
        process.terminate()
    return 1


def _prepare() -> bool:
    """Bring Superset up to date in a process of its own, whose flood of lines goes to a file."""
    print("驾驶舱：正在准备（首次约一分钟）…", flush=True)
    log = superset_home() / "bootstrap.log"
    with log.open("ab") as stream:
        done = subprocess.run(
            [sys.executable, str(DASHBOARDS / "bootstrap.py")],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        print(f"驾驶舱：准备失败，详见 {log}", file=sys.stderr)
    return done.returncode == 0


def _say_where(port: int) -> None:
    """The address and the accounts of this home; passwords were generated at the first start."""
    accounts = superset_home() / "accounts.json"
    print(f"驾驶舱：http://127.0.0.1:{port}/superset/dashboard/county-overview/")
    print(f"账号（另存于 {accounts}，仅本人可读）：")
    for username, account in json.loads(accounts.read_text(encoding="utf-8")).items():
        print(f"  {username:<12} {account['password']:<24} {account['role']}")


def stop() -> int:
    """Stop the cockpit of this home."""
    pid = running_pid()
    if pid is None:
        print("驾驶舱：未在运行")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if running_pid() is None:
            _pid_file().unlink(missing_ok=True)
            print("驾驶舱：已停止")
            return 0
        time.sleep(0.2)
    print(f"驾驶舱：进程 {pid} 尚未停止", file=sys.stderr)
    return 1


def status(port: int) -> int:
    """0 when the login page answers, 3 when nothing runs, 1 when it runs but does not answer."""
    pid = running_pid()
    if pid is None:
        print("驾驶舱：未在运行")
        return 3
    healthy = answers(port)
    print(f"驾驶舱：进程 {pid}，端口 {port} " + ("正常应答" if healthy else "无应答"))
    return 0 if healthy else 1


def refresh() -> int:
    """Forget cached query results; run it after every publish."""
    count = 0
    for path in (superset_home() / "cache" / "data").glob("*"):
        if path.is_file():
            path.unlink(missing_ok=True)
            count += 1
    print(f"驾驶舱：已清除 {count} 条缓存结果")
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

"""The application that gunicorn loads once, before it forks its workers."""

from __future__ import annotations

from superset import db
from superset.app import create_app

application = create_app()
with application.app_context():
    db.engine.dispose()  # a forked worker must open its own connection

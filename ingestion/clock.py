"""The one clock. Everything that needs the time of receipt takes it from here."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ingestion.entity import ZONE


def now() -> datetime:
    """The current time in Asia/Shanghai, with microseconds."""
    return datetime.now(ZoneInfo(ZONE))

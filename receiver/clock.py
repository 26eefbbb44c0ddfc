"""The only place that asks what time it is; everything below the edge is told."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the receiver's own time: aware, UTC."""
    return datetime.now(UTC)


def iso_utc(moment: datetime) -> str:
    """Write a moment as the sender does: ``2024-01-15T10:30:00.000000Z``.

    Args:
        moment: aware, in any zone.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

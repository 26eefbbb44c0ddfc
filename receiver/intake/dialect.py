"""What senders mean: the canonical type and the moment of an entry.

Source: DESIGN.md, section 3.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from schemas.fields import EARLIEST_YEAR, LATEST_YEAR

EXCEPTION = "exception"
FIRST_SECOND = datetime(EARLIEST_YEAR, 1, 1, tzinfo=UTC).timestamp()
LAST_SECOND = datetime(LATEST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()

Entry = dict[str, Any]
Moment = Callable[[Entry], datetime | None]


def canonical_type(entry: Entry) -> str | None:
    """Return an entry's type; the sender overwrites that of an exception with its class name, or with null."""
    if "stack_trace" in entry:
        return EXCEPTION
    content = entry.get("content")
    if type(content) is dict and "class" in content and "trace" in content:
        return EXCEPTION
    kind: str | None = entry.get("type")
    return kind


def telescope_moment(entry: Entry) -> datetime | None:
    """Return when a Telescope entry was created, UTC; None where ``created_at`` does not say its zone."""
    sent = entry.get("created_at")
    if type(sent) is not str:
        return None
    try:
        moment = datetime.fromisoformat(sent)
    except ValueError:
        return None
    if moment.tzinfo is None or not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        return None
    return moment.astimezone(UTC)


def pulse_moment(entry: Entry) -> datetime | None:
    """Return when a Pulse entry was recorded, UTC: ``timestamp``, in epoch seconds, or what an older sender wrote."""
    seconds: Any = entry.get("timestamp")
    if type(seconds) in (int, float) and FIRST_SECOND <= seconds < LAST_SECOND:
        return datetime.fromtimestamp(seconds, UTC)
    return telescope_moment(entry)


def understand(entries: list[Entry], moment: Moment) -> None:
    """Give each entry, in place, its canonical ``type`` and ``created_at``; what they replace goes under ``sent``."""
    for entry in entries:
        replaced = {}
        kind = canonical_type(entry)
        if kind != entry.get("type"):
            replaced["type"] = entry.get("type")
            entry["type"] = kind
        created = moment(entry)
        if created is not None:
            if entry.get("created_at") is not None:
                replaced["created_at"] = entry["created_at"]
            entry["created_at"] = created
        if replaced:
            _keep(entry, replaced)


def _keep(entry: Entry, replaced: dict[str, Any]) -> None:
    if "sent" in entry:
        replaced["sent"] = entry["sent"]
    entry["sent"] = replaced

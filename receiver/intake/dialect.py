"""What senders mean: the content, the canonical type and the moment of an entry.

Source: DESIGN.md, section 3.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from receiver.intake.decode import depth
from receiver.intake.offsets import Offset
from schemas.fields import EARLIEST_YEAR, LATEST_YEAR

EXCEPTION = "exception"
DEEPEST_CONTENT = 90
FIRST_SECOND = datetime(EARLIEST_YEAR, 1, 1, tzinfo=UTC).timestamp()
LAST_SECOND = datetime(LATEST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()

Entry = dict[str, Any]


def understand(entries: list[Entry], offset: Offset) -> int:
    """Give each entry, in place, its canonical ``content``, ``type`` and ``created_at``.

    What a ``type`` or ``created_at`` replaces is kept under ``sent``, and so is a ``sent`` of the sender's own. Where
    no moment can be told there is no ``created_at``; otherwise it is an aware UTC date.

    Returns:
        How many contents were JSON strings and are objects now.
    """
    decoded = sum([_decode_content(entry) for entry in entries])
    moments = [_moment(entry) for entry in entries]
    offset.learn(_naive(moments))
    for entry, moment in zip(entries, moments, strict=True):
        if moment is not None:
            moment = moment.astimezone(UTC) if moment.tzinfo else offset.utc(moment)
        _settle(entry, canonical_type(entry), moment)
    return decoded


def _naive(moments: list[datetime | None]) -> Iterator[datetime]:
    return (moment for moment in moments if moment is not None and moment.tzinfo is None)


def _decode_content(entry: Entry) -> bool:
    """Read a JSON string as the object it holds, and PHP's ``[]`` as the empty one; whatever else it is stays."""
    content = entry.get("content")
    if content == []:
        entry["content"] = {}
    if type(content) is not str or not content.lstrip().startswith(("{", "[")):
        return False
    try:
        value = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return False
    if depth(value, DEEPEST_CONTENT) > DEEPEST_CONTENT:
        return False  # it would have to be folded to a string again
    entry["content"] = {} if value == [] else value
    return True


def canonical_type(entry: Entry) -> str | None:
    """Return an entry's type; the sender overwrites that of an exception with its class name, or with null."""
    if "stack_trace" in entry:
        return EXCEPTION
    content = entry.get("content")
    if type(content) is dict and "class" in content and "trace" in content:
        return EXCEPTION
    kind: str | None = entry.get("type")
    return kind


def _moment(entry: Entry) -> datetime | None:
    """Return when an entry was recorded: from Pulse's epoch seconds, or from ``created_at``, naive if that is."""
    seconds: Any = entry.get("timestamp")
    if type(seconds) in (int, float) and FIRST_SECOND <= seconds < LAST_SECOND:
        return datetime.fromtimestamp(seconds, UTC)
    sent = entry.get("created_at")
    if type(sent) is not str:
        return None
    try:
        moment = datetime.fromisoformat(sent)
    except ValueError:
        return None
    return moment if EARLIEST_YEAR <= moment.year <= LATEST_YEAR else None


def _settle(entry: Entry, kind: str | None, moment: datetime | None) -> None:
    replaced = {"sent": entry.pop("sent")} if "sent" in entry else {}
    if kind != entry.get("type"):
        replaced["type"] = entry.get("type")
        entry["type"] = kind
    sent = entry.pop("created_at", None)
    if sent is not None:
        replaced["created_at"] = sent
    if moment is not None:
        entry["created_at"] = moment
    if replaced:
        entry["sent"] = replaced

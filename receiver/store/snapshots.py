"""The ``snapshots`` collection."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from receiver.pipelines.stages import SNAPSHOTS, SOURCES
from receiver.store.encoding import EncodedDocument, encode, plain
from receiver.store.layout import Database

SLICE = 50
# A page ends before its limit where senders' texts are huge.
MOST_BYTES = 4 * 1024 * 1024
# What a list shows of a snapshot: everything but its rows, and what only the sender knows the meaning of.
LISTED = {
    **dict.fromkeys(("system", "timestamp", "received_at", "receipt"), 1),
    **{f"server_info.{name}": 1 for name in ("php_version", "laravel_version", "memory_usage", "peak_memory")},
    **{
        f"{source}.{name}": 1
        for source in SOURCES
        for name in ("total_entries", "recent_entries", "entry_types", "error", "message")
    },
}


@dataclass(frozen=True)
class Received:
    """A stored snapshot, as far as it takes to see whether all that follows from it has been done."""

    id: str
    system: str
    timestamp: datetime
    received_at: datetime
    rows: list[dict[str, Any]]

    @property
    def entry_ids(self) -> frozenset[str]:
        """Those of its rows."""
        return frozenset(row["_id"] for row in self.rows)


async def list_received(database: Database, start: datetime, end: datetime) -> tuple[list[Received], datetime | None]:
    """List the snapshots that were received in a span, oldest first.

    Args:
        database: where.
        start, end: of ``received_at``, UTC; start included, end excluded.

    Returns:
        At most :data:`SLICE` of them, and where to go on: None when the whole span has been looked at.

    Reads: snapshots by the index on ``received_at``.
    """
    span = {"received_at": {"$gte": start, "$lt": end}}
    told = dict.fromkeys(("system", "timestamp", "received_at"), 1)
    ids = {f"{source}.recent_entries_data.{name}": 1 for source in SOURCES for name in ("entry_id", "created_at")}
    found = await database[SNAPSHOTS].find(span, told | ids).sort("received_at", 1).limit(SLICE).to_list(SLICE)
    received = [Received(one["_id"], one["system"], one["timestamp"], one["received_at"], _rows(one)) for one in found]
    if len(found) < SLICE:
        return received, None
    last = received[-1].received_at
    return received, last if last > start else last + timedelta(milliseconds=1)


def _rows(snapshot: Mapping[str, Any]) -> list[dict[str, Any]]:
    sections = (snapshot.get(source) or {} for source in SOURCES)
    entries = (entry for section in sections for entry in section.get("recent_entries_data") or [])
    return [
        {"_id": entry["entry_id"], "created_at": entry.get("created_at")} for entry in entries if "entry_id" in entry
    ]


async def find_newest_received_at(database: Database, before: datetime) -> datetime | None:
    """Find when the latest snapshot before some time was received; None where there is none."""
    span = {"received_at": {"$lt": before}}
    newest = await database[SNAPSHOTS].find_one(span, {"received_at": 1}, sort=[("received_at", -1)])
    return newest["received_at"] if newest else None


async def find_snapshot(database: Database, snapshot_id: str) -> dict[str, Any] | None:
    """Find a snapshot by its id."""
    found = await database[SNAPSHOTS].find_one({"_id": snapshot_id})
    return None if found is None else dict(plain(found))


@dataclass(frozen=True)
class Wanted:
    """Which snapshots to list.

    Args:
        limit: most of them.
        system: only of this one.
        start, end: of ``timestamp``, UTC; start included, end excluded.
        type: only those with an entry of this type among their rows.
        at, skip: where the page begins: at this moment, after so many snapshots of it.
    """

    limit: int
    system: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    type: str | None = None
    at: datetime | None = None
    skip: int = 0

    def filter(self) -> dict[str, Any]:
        """Return what MongoDB is asked for."""
        bounds = {"$gte": self.start, "$lt": self.end, "$lte": self.at}
        span = {operator: moment for operator, moment in bounds.items() if moment is not None}
        by_type = {"$or": [{f"{source}.recent_entries_data.type": self.type} for source in SOURCES]}
        return {
            **({"system": self.system} if self.system is not None else {}),
            **({"timestamp": span} if span else {}),
            **(by_type if self.type is not None else {}),
        }


async def list_snapshots(
    database: Database, wanted: Wanted
) -> tuple[list[dict[str, Any]], tuple[datetime, int] | None]:
    """List snapshots, newest first, without their rows.

    Returns:
        The documents, and ``(at, skip)`` of the next page; None where there is none. A page ends early when it has
        :data:`MOST_BYTES`.

    Reads: snapshots by the index on system and timestamp, on timestamp, or on the types of entries.
    """
    cursor = database[SNAPSHOTS].find(wanted.filter(), LISTED).sort("timestamp", -1).skip(wanted.skip)
    found: list[dict[str, Any]] = []
    size = 0
    async for one in cursor.limit(wanted.limit + 1):
        if len(found) == wanted.limit or size > MOST_BYTES:
            at = found[-1]["timestamp"]
            skip = sum(listed["timestamp"] == at for listed in found)
            return found, (at, skip + wanted.skip if at == wanted.at else skip)
        found.append(plain(one))
        size += len(encode(one).raw)
    return found, None


async def insert_snapshot(database: Database, snapshot: EncodedDocument) -> bool:
    """Store a snapshot for good: it is durable on return.

    Args:
        snapshot: encoded; its ``_id`` is the digest of the body it came from.

    Returns:
        False when the same snapshot was there already. Then its durability is that of the insertion which is perhaps
        still under way: a durable write must follow before it is acknowledged.
    """
    try:
        await database[SNAPSHOTS].insert_one(snapshot)
    except DuplicateKeyError:
        return False
    return True

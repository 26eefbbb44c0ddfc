"""The ``snapshots`` collection."""

from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from receiver.store.encoding import EncodedDocument
from receiver.store.layout import SNAPSHOTS, Database


async def find_newest_received_at(database: Database, before: datetime) -> datetime | None:
    """Find when the latest snapshot before some time was received; None where there is none."""
    span = {"received_at": {"$lt": before}}
    newest = await database[SNAPSHOTS].find_one(span, {"received_at": 1}, sort=[("received_at", -1)])
    return newest["received_at"] if newest else None


async def find_snapshot(database: Database, snapshot_id: str) -> dict[str, Any] | None:
    """Find a snapshot by its id."""
    return await database[SNAPSHOTS].find_one({"_id": snapshot_id})


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

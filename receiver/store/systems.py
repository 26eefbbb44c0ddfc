"""The ``systems`` collection: one document per application."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from receiver.store.layout import SYSTEMS, Database


@dataclass(frozen=True)
class Sighting:
    """What one snapshot tells about its system.

    Args:
        system: its name.
        timestamp: the snapshot's, on the sender's clock, but not later than our clock allows.
        received_at: on our clock.
        snapshot_id: of the snapshot.
        php_version, laravel_version: as sent, None where not.
    """

    system: str
    timestamp: datetime
    received_at: datetime
    snapshot_id: str
    php_version: str | None
    laravel_version: str | None


async def replace_system(database: Database, sighting: Sighting) -> None:
    """Bring a system's document up to date, in any order of arrival and any number of times; durable on return."""
    update = _seen(sighting)
    try:
        await database[SYSTEMS].update_one({"_id": sighting.system}, update, upsert=True)
    except DuplicateKeyError:  # another process made it a moment ago: now there is one to update
        await database[SYSTEMS].update_one({"_id": sighting.system}, update)


def _seen(sighting: Sighting) -> list[dict[str, Any]]:
    newest = {"$gte": [sighting.timestamp, {"$ifNull": ["$last_timestamp", sighting.timestamp]}]}
    told = {
        "php_version": {"$literal": sighting.php_version},
        "laravel_version": {"$literal": sighting.laravel_version},
        "last_snapshot_id": {"$literal": sighting.snapshot_id},
    }
    return [
        {"$set": {name: {"$cond": [newest, value, f"${name}"]} for name, value in told.items()}},
        {
            "$set": {
                "first_seen_at": {"$min": ["$first_seen_at", sighting.received_at]},
                "last_seen_at": {"$max": ["$last_seen_at", sighting.received_at]},
                "last_timestamp": {"$max": ["$last_timestamp", sighting.timestamp]},
            }
        },
    ]

"""The ``systems`` collection: one document per application."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from receiver.pipelines.rates import renamed
from receiver.pipelines.series import overview
from receiver.pipelines.stages import ENTRIES, RATES, SNAPSHOTS, SYSTEMS
from receiver.store.aggregation import run_pipeline
from receiver.store.layout import BEFORE_ALL, Database

# Somebody is waiting: so long as there are minutes.
RENAME_SECONDS = 3600.0


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
    return _merged(
        {
            "first_seen_at": sighting.received_at,
            "last_seen_at": sighting.received_at,
            "last_timestamp": sighting.timestamp,
            "php_version": sighting.php_version,
            "laravel_version": sighting.laravel_version,
            "last_snapshot_id": sighting.snapshot_id,
        }
    )


async def list_overview(database: Database, now: datetime, after: str, limit: int) -> list[dict[str, Any]]:
    """List systems with their state and latest rates, by name, as :func:`receiver.pipelines.series.overview` yields."""
    return await run_pipeline(database, SYSTEMS, overview(now, after, limit), "overview")


async def list_systems(database: Database) -> list[dict[str, Any]]:
    """List the systems' documents, by name."""
    return [system async for system in database[SYSTEMS].find().sort("_id", 1)]


async def list_unseen(database: Database, sightings: list[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
    """Tell which of these ``(system, received_at)`` the system's document does not know of."""
    cursor = database[SYSTEMS].find({"_id": {"$in": [system for system, _ in sightings]}}, {"last_seen_at": 1})
    seen = {system["_id"]: system["last_seen_at"] async for system in cursor}
    return {(system, moment) for system, moment in sightings if moment > seen.get(system, BEFORE_ALL)}


async def rename_system(database: Database, old: str, new: str) -> int:
    """Give all that is stored of a system to another name; where that one is known already, the two become one.

    It may be run again after it was interrupted: the system's own document goes last. The name is in the ids of the
    rows: what snapshots under both names brought, in the five minutes around the change, is there twice.

    Returns:
        How many snapshots were renamed.

    Reads: snapshots, entries and rates by their indexes on system.
    """
    await database[ENTRIES].update_many({"system": old}, {"$set": {"system": new}})
    snapshots = await database[SNAPSHOTS].update_many({"system": old}, {"$set": {"system": new}})
    await run_pipeline(database, RATES, renamed(old, new), "rename", seconds=RENAME_SECONDS)
    await database[RATES].delete_many({"system": old})
    document = await database[SYSTEMS].find_one({"_id": old})
    if document is not None:
        await database[SYSTEMS].update_one({"_id": new}, _merged(document), upsert=True)
        await database[SYSTEMS].delete_one({"_id": old})
    return int(snapshots.modified_count)


def _merged(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Merge another system's document into one: what the later snapshot told stays."""
    later = {"$gte": [document["last_timestamp"], {"$ifNull": ["$last_timestamp", BEFORE_ALL]}]}
    dates = ("first_seen_at", "last_seen_at", "last_timestamp")
    told = {name: value for name, value in document.items() if name not in ("_id", *dates)}
    return [
        {"$set": {name: {"$cond": [later, {"$literal": value}, f"${name}"]} for name, value in told.items()}},
        {
            "$set": {
                "first_seen_at": {"$min": ["$first_seen_at", document["first_seen_at"]]},
                "last_seen_at": {"$max": ["$last_seen_at", document["last_seen_at"]]},
                "last_timestamp": {"$max": ["$last_timestamp", document["last_timestamp"]]},
            }
        },
    ]


async def delete_system(database: Database, system: str, *, with_data: bool) -> bool:
    """Forget a system; it is known again as soon as it posts.

    Args:
        database: where.
        system: its name.
        with_data: delete its snapshots, entries and rates too, rather than leave them to their expiry.

    Returns:
        False when there was no such system.
    """
    if with_data:
        await database[SNAPSHOTS].delete_many({"system": system})
        await database[ENTRIES].delete_many({"system": system})
        await database[RATES].delete_many({"system": system})
    result = await database[SYSTEMS].delete_one({"_id": system})
    return int(result.deleted_count) == 1

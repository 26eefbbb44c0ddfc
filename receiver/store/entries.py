"""The ``entries`` collection: each distinct entry once, as a row of facts."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError

from receiver.store.layout import BEFORE_ALL, ENTRIES, SNAPSHOTS, Database

Row = dict[str, Any]

DUPLICATE_KEY = 11000
SLICE = 50
# The rows can be made again from their snapshot, which is durable: they need not wait for the journal.
ACKNOWLEDGED = WriteConcern(w=1)


async def insert_entries(database: Database, rows: Collection[Row], changing: Collection[Row]) -> None:
    """Store rows, in any order and any number of times.

    Args:
        rows: those that never change; the first to come stays.
        changing: those of which the latest counts, by ``observed_at``.
    """
    collection = database.get_collection(ENTRIES, write_concern=ACKNOWLEDGED)
    known = await find_known(database, [row["_id"] for row in rows])
    new = [row for row in rows if row["_id"] not in known]
    if new:
        try:
            await collection.insert_many(new, ordered=False)
        except BulkWriteError as error:  # another process was there in between: then they are stored
            if any(fault["code"] != DUPLICATE_KEY for fault in error.details["writeErrors"]):
                raise
    if changing:
        await collection.bulk_write([_latest(row) for row in changing], ordered=False)


def _latest(row: Row) -> UpdateOne:
    """Replace a row unless one that was observed later is stored; what told of it first stays its snapshot."""
    newer = {"$gt": [row["observed_at"], {"$ifNull": ["$observed_at", BEFORE_ALL]}]}
    first = {name: {"$ifNull": [f"${name}", {"$literal": row[name]}]} for name in ("snapshot_id", "received_at")}
    merged = {"$mergeObjects": ["$$ROOT", {"$literal": dict(row)}, first]}
    return UpdateOne({"_id": row["_id"]}, [{"$replaceWith": {"$cond": [newer, merged, "$$ROOT"]}}], upsert=True)


async def find_known(database: Database, ids: list[str]) -> set[str]:
    """Tell which of these rows are stored; answered from the index alone."""
    cursor = database[ENTRIES].find({"_id": {"$in": ids}}, {"_id": 1})
    return {row["_id"] async for row in cursor}


async def list_incomplete(database: Database, start: datetime, end: datetime) -> tuple[list[str], datetime | None]:
    """List the snapshots of a span of which a row is missing: whoever stored them died before the rows.

    Args:
        database: where.
        start, end: of ``received_at``, UTC; start included, end excluded.

    Returns:
        Their ids, oldest first, and where to go on: None when the whole span has been looked at, which takes a call for
        each :data:`SLICE` snapshots.

    Reads: snapshots by the index on ``received_at``; entries by their id, from the index alone.
    """
    span = {"received_at": {"$gte": start, "$lt": end}}
    ids = {"received_at": 1} | {f"{source}.recent_entries_data.entry_id": 1 for source in ("telescope", "pulse")}
    found = await database[SNAPSHOTS].find(span, ids).sort("received_at", 1).limit(SLICE).to_list(SLICE)
    wanted = {snapshot["_id"]: _entry_ids(snapshot) for snapshot in found}
    known = await find_known(database, list(set().union(*wanted.values())))
    incomplete = [snapshot_id for snapshot_id, entry_ids in wanted.items() if entry_ids - known]
    if len(found) < SLICE:
        return incomplete, None
    last: datetime = found[-1]["received_at"]
    return incomplete, last if last > start else last + timedelta(milliseconds=1)


def _entry_ids(snapshot: Mapping[str, Any]) -> set[str]:
    sections = (snapshot.get(source) or {} for source in ("telescope", "pulse"))
    entries = (entry for section in sections for entry in section.get("recent_entries_data") or [])
    return {entry["entry_id"] for entry in entries if "entry_id" in entry}

"""The ``entries`` collection: each distinct entry once, as a row of facts."""

from collections.abc import Collection, Iterable
from typing import Any

from pymongo import UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError

from receiver.pipelines.stages import ENTRIES
from receiver.store.layout import BEFORE_ALL, Database
from receiver.store.snapshots import Received

Row = dict[str, Any]

DUPLICATE_KEY = 11000
# Ids in one question: a question may have 16 MB.
MOST_ASKED = 20_000
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
    known: set[str] = set()
    for start in range(0, len(ids), MOST_ASKED):
        cursor = database[ENTRIES].find({"_id": {"$in": ids[start : start + MOST_ASKED]}}, {"_id": 1})
        known |= {row["_id"] async for row in cursor}
    return known


async def list_incomplete(database: Database, received: Iterable[Received]) -> set[str]:
    """Tell of which snapshots a row is missing: whoever stored them died before the rows.

    Returns:
        Their ids.

    Reads: entries by their id, from the index alone.
    """
    wanted = {one.id: one.entry_ids for one in received}
    known = await find_known(database, list(frozenset().union(*wanted.values())))
    return {snapshot_id for snapshot_id, entry_ids in wanted.items() if entry_ids - known}

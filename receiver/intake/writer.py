"""The last steps of a snapshot: into MongoDB, for good, with its rows; and the rows that a crash left out."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog

from receiver.clock import Clock
from receiver.errors import StoreUnavailable
from receiver.intake.document import Snapshot
from receiver.intake.facts import MUTABLE, rows_of
from receiver.store.connection import Store
from receiver.store.entries import find_missing, insert_entries
from receiver.store.layout import Database
from receiver.store.snapshots import find_newest_received_at, insert_snapshot
from receiver.store.systems import replace_system

log = structlog.get_logger()

SWEEP_SECONDS = 60.0
# Those who are still writing the rows of a snapshot are left alone for so long.
SETTLED_AFTER = timedelta(seconds=30)
# Where a sweep begins: before whatever was in flight when all receivers stopped.
LOOK_BACK = timedelta(minutes=10)


async def write_snapshot(store: Store, snapshot: Snapshot) -> bool:
    """Store a snapshot, its rows, and bring its system up to date; the snapshot is durable on return.

    All of it is written for a re-send too: the first try may have died in between, and the snapshot it left may still
    be on its way to the journal, which the durable write to its system brings there.

    Returns:
        False when the snapshot was stored already.

    Raises:
        StoreUnavailable: MongoDB is away; the snapshot may be stored all the same, and a re-send finds out.
    """
    async with store.operation() as database:
        inserted = await insert_snapshot(database, snapshot.encoded)
        await _insert_rows(database, snapshot.rows)
        await replace_system(database, snapshot.sighting)
    return inserted


async def _insert_rows(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    lasting: list[dict[str, Any]] = []
    changing: list[dict[str, Any]] = []
    for row in rows:
        (changing if (row["source"], row["type"]) in MUTABLE else lasting).append(row)
    if lasting or changing:
        await insert_entries(database, lasting, changing)


async def keep_rows_whole(store: Store, clock: Clock) -> None:
    """Make, for as long as this runs, the rows of snapshots whose writer died before them; any process's."""
    start = None
    while True:
        end = clock() - SETTLED_AFTER
        try:
            async with store.operation() as database:
                start = start or (await find_newest_received_at(database) or end) - LOOK_BACK
                for document in await find_missing(database, start, end):
                    await _insert_rows(database, rows_of(document))
                    log.info("rows_made_good", snapshot_id=document["_id"])
        except StoreUnavailable:
            log.debug("sweep_put_off")
        else:
            start = max(start, end)
        await asyncio.sleep(SWEEP_SECONDS)

"""The last steps of a snapshot: into MongoDB, for good, with its rows; and the rows that a crash left out."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.clock import Clock
from receiver.errors import StoreUnavailable
from receiver.intake.document import Snapshot
from receiver.intake.facts import MUTABLE, rows_of
from receiver.store.connection import Store
from receiver.store.entries import insert_entries, list_incomplete
from receiver.store.layout import Database
from receiver.store.snapshots import find_newest_received_at, find_snapshot, insert_snapshot
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
    sweep = Sweep(store, clock)
    while True:
        try:
            await sweep.run()
        except StoreUnavailable:
            log.debug("sweep_put_off")
        except Exception:  # whatever it is, it must not end the sweeps for good
            log.exception("sweep_failed")
        await asyncio.sleep(SWEEP_SECONDS)


class Sweep:
    """Looks for snapshots that lack rows, each span once.

    It begins before the latest snapshot that was there when the process started: what was in flight when all receivers
    died is there, however late MongoDB comes up.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._began = clock()
        self._start: datetime | None = None

    async def run(self) -> None:
        """Look at all that has been received since the last time, up to :data:`SETTLED_AFTER` ago.

        Raises:
            StoreUnavailable: MongoDB is away; the next run goes on where this one was.
        """
        end = self._clock() - SETTLED_AFTER
        start = await self._first() if self._start is None else self._start
        if start > end:  # our clock was stepped back: what was received since has the earlier times again
            start = end - LOOK_BACK
        following: datetime | None = start
        while following is not None:
            self._start = following
            async with self._store.operation() as database:
                incomplete, following = await list_incomplete(database, self._start, end)
            for snapshot_id in incomplete:
                await self._try_to_complete(snapshot_id)
        self._start = end

    async def _first(self) -> datetime:
        async with self._store.operation() as database:
            newest = await find_newest_received_at(database, self._began)
        return (newest or self._began) - LOOK_BACK

    async def _try_to_complete(self, snapshot_id: str) -> None:
        """Make the rows of one snapshot; one that is odd is told, and does not hold up those behind it."""
        try:
            await self._complete(snapshot_id)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("rows_not_made_good", snapshot_id=snapshot_id)

    async def _complete(self, snapshot_id: str) -> None:
        async with self._store.operation() as database:
            document = await find_snapshot(database, snapshot_id)
            if document is not None:
                await _insert_rows(database, rows_of(document))
                log.info("rows_made_good", snapshot_id=snapshot_id)

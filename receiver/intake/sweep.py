"""Making good what a crash left undone: rows of ``entries``, the system's document, minutes that were not rolled up."""

import asyncio
from datetime import datetime, timedelta

import structlog

from receiver.clock import Clock
from receiver.errors import StoreUnavailable
from receiver.intake.document import sighting_of
from receiver.intake.facts import rows_of
from receiver.intake.rollup import RollUps, spans_told
from receiver.intake.writer import insert_rows
from receiver.store.connection import Store
from receiver.store.entries import list_incomplete
from receiver.store.progress import find_progress, replace_progress
from receiver.store.snapshots import Received, find_newest_received_at, find_snapshot, list_received
from receiver.store.systems import list_unseen, replace_system

log = structlog.get_logger()

SWEEP_SECONDS = 60.0
# Those who are still writing a snapshot are left alone for so long, and for as long as MongoDB may take besides.
SETTLED_AFTER = timedelta(seconds=30)
# Where a sweep begins: before whatever was in flight when all receivers stopped.
LOOK_BACK = timedelta(minutes=10)
# Each sweep looks again at so much of what the last one did: other hosts' clocks are not quite ours.
OVERLAP = timedelta(minutes=2)


async def keep_whole(sweep: "Sweep") -> None:
    """Make good, for as long as this runs, what any process's crash left undone."""
    while True:
        try:
            await sweep.run()
        except StoreUnavailable:
            log.debug("sweep_put_off")
        except Exception:  # whatever it is, it must not end the sweeps for good
            log.exception("sweep_failed")
        await asyncio.sleep(SWEEP_SECONDS)


class Sweep:
    """Looks at the snapshots that this process did not take care of itself.

    Whatever they lack is made, and what they tell of is rolled up once more: whether the process that received them
    still lives, and how far it got, cannot be told. The first sweep begins where all that was received before is known
    to have been rolled up, or else before the latest snapshot that was there when the process started.

    Args:
        store: where.
        roll_ups: of this process.
        clock: what time it is.
    """

    def __init__(self, store: Store, roll_ups: RollUps, clock: Clock) -> None:
        self._store = store
        self._roll_ups = roll_ups
        self._clock = clock
        self._began = clock()
        self._start: datetime | None = None

    async def run(self) -> None:
        """Look at all that has been received since the last time, up to :data:`SETTLED_AFTER` ago.

        Raises:
            StoreUnavailable: MongoDB is away; the next run goes on where this one was.
        """
        end = self._clock() - SETTLED_AFTER - timedelta(seconds=self._store.timeout_seconds)
        start = await self._first() if self._start is None else self._start - OVERLAP
        if self._start is not None and self._roll_ups.is_idle:  # all that it was told of before is done
            await self._note_progress(self._start)
        if start > end:  # our clock was stepped back: what was received since has the earlier times again
            start = end - LOOK_BACK
        following: datetime | None = start
        while following is not None:
            self._start = following
            async with self._store.operation() as database:
                received, following = await list_received(database, self._start, end)
            others = [one for one in received if not self._roll_ups.takes_care_of(one.id)]
            if others:
                await self._look_at(others)
        self._start = end

    async def _first(self) -> datetime:
        async with self._store.operation() as database:
            newest = await find_newest_received_at(database, self._began) or self._began
            rolled_up = await find_progress(database)
            start = min(newest, rolled_up or newest) - LOOK_BACK
            if rolled_up is None:
                await replace_progress(database, start)
        return start

    async def _note_progress(self, moment: datetime) -> None:
        """Note that all that was received before a moment is rolled up, by the clock of what was received."""
        async with self._store.operation() as database:
            newest = await find_newest_received_at(database, moment)
            if newest is not None:
                await replace_progress(database, newest)

    async def _look_at(self, received: list[Received]) -> None:
        async with self._store.operation() as database:
            incomplete = await list_incomplete(database, received)
            unseen = await list_unseen(database, [(one.system, one.received_at) for one in received])
        for one in received:
            if one.id in incomplete or (one.system, one.received_at) in unseen:
                await self._try_to_complete(one)
            self._roll_ups.want(one.id, one.system, spans_told(one.timestamp, one.rows))

    async def _try_to_complete(self, received: Received) -> None:
        """Make what follows from one snapshot; one that is odd is told, and does not hold up those behind it."""
        try:
            await self._complete(received.id)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("snapshot_not_made_good", snapshot_id=received.id)

    async def _complete(self, snapshot_id: str) -> None:
        async with self._store.operation() as database:
            document = await find_snapshot(database, snapshot_id)
            if document is not None:
                await insert_rows(database, rows_of(document))
                await replace_system(database, sighting_of(document))
                log.info("snapshot_made_good", snapshot_id=snapshot_id)

"""Making good what a crash left undone: rows of ``entries`` that are missing, minutes that were not rolled up."""

import asyncio
from datetime import datetime, timedelta

import structlog

from receiver.clock import Clock
from receiver.errors import StoreUnavailable
from receiver.intake.facts import rows_of
from receiver.intake.rollup import RollUps, minutes_told
from receiver.intake.writer import insert_rows
from receiver.pipelines.stages import floor_minute
from receiver.store.connection import Store
from receiver.store.entries import list_incomplete
from receiver.store.rates import list_behind
from receiver.store.snapshots import Received, find_newest_received_at, find_snapshot, list_received

log = structlog.get_logger()

SWEEP_SECONDS = 60.0
# Those who are still writing the rows of a snapshot are left alone for so long.
SETTLED_AFTER = timedelta(seconds=30)
# Where a sweep begins: before whatever was in flight when all receivers stopped.
LOOK_BACK = timedelta(minutes=10)


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
    """Looks for snapshots that lack rows or a roll-up, each span once.

    It begins before the latest snapshot that was there when the process started: what was in flight when all receivers
    died is there, however late MongoDB comes up.

    Args:
        store: where.
        roll_ups: that does what was not done.
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
        end = self._clock() - SETTLED_AFTER
        start = await self._first() if self._start is None else self._start
        if start > end:  # our clock was stepped back: what was received since has the earlier times again
            start = end - LOOK_BACK
        following: datetime | None = start
        while following is not None:
            self._start = following
            async with self._store.operation() as database:
                received, following = await list_received(database, self._start, end)
            await self._look_at(received)
        self._start = end

    async def _first(self) -> datetime:
        async with self._store.operation() as database:
            newest = await find_newest_received_at(database, self._began)
        return (newest or self._began) - LOOK_BACK

    async def _look_at(self, received: list[Received]) -> None:
        async with self._store.operation() as database:
            incomplete = await list_incomplete(database, received)
            behind = await list_behind(database, {(one.system, floor_minute(one.timestamp)) for one in received})
        for one in received:
            if one.id in incomplete:
                await self._try_to_complete(one)
            # What was in flight at a crash may be rolled up by half: that is done again without being looked for.
            elif one.received_at <= self._began or (one.system, floor_minute(one.timestamp)) in behind:
                self._roll_ups.want(one.system, minutes_told(one.timestamp))

    async def _try_to_complete(self, received: Received) -> None:
        """Make the rows of one snapshot; one that is odd is told, and does not hold up those behind it."""
        try:
            await self._complete(received)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("rows_not_made_good", snapshot_id=received.id)

    async def _complete(self, received: Received) -> None:
        async with self._store.operation() as database:
            document = await find_snapshot(database, received.id)
            if document is None:
                return
            rows = list(rows_of(document))
            await insert_rows(database, rows)
        self._roll_ups.want(received.system, minutes_told(received.timestamp, rows))
        log.info("rows_made_good", snapshot_id=received.id)

"""Keeping ``rates`` up to date: right after a snapshot is stored, the minutes that it tells of are rolled up.

Nothing but memory says what is to be rolled up. What a crash leaves undone is found by the sweep.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from receiver.errors import StoreUnavailable, TooSlow
from receiver.pipelines.stages import MINUTE, WINDOW, floor_minute
from receiver.store.connection import Store
from receiver.store.rates import run_roll_up

log = structlog.get_logger()

Span = tuple[datetime, datetime]

# Rows are placed so far from their snapshot; what is further off was misdated, and is a span of its own.
OLDEST_ROW, NEWEST_ROW = timedelta(minutes=-15), timedelta(minutes=5)
MOST_MISDATED = 60
# One roll-up at a time does so much: a backlog of a day must not hold up the others.
LONGEST_SPAN = timedelta(hours=1)
RETRY_SECONDS = 1.0
# How many snapshots are remembered as taken care of: those of some minutes of many applications.
REMEMBERED = 20_000


def spans_told(timestamp: datetime, rows: Iterable[dict[str, Any]] = ()) -> list[Span]:
    """Return the minutes whose documents a snapshot may change.

    Its window and its rows lie before it; the growth of a snapshot that was taken up to five minutes after it changes
    when it arrives late.

    Args:
        timestamp: when it was taken.
        rows: that it brought.

    Returns:
        ``(start, end)`` at the full minute, end excluded: one around the snapshot, and one of a minute for each minute
        of misdated rows, but not more than :data:`MOST_MISDATED`.
    """
    moments = [row["created_at"] for row in rows if row["created_at"] is not None]
    near = [moment for moment in moments if OLDEST_ROW <= moment - timestamp <= NEWEST_ROW]
    start, end = min([timestamp - WINDOW, *near]), max([timestamp + WINDOW, *near])
    misdated = {floor_minute(moment) for moment in moments if not start <= moment <= end}
    around = (floor_minute(start), floor_minute(end) + MINUTE)
    return [around, *((minute, minute + MINUTE) for minute in islice(sorted(misdated), MOST_MISDATED))]


class RollUps:
    """What is to be rolled up, and the doing of it, one after the other.

    Args:
        store: where.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spans: dict[str, list[Span]] = {}
        self._wanted = asyncio.Event()
        self._taken_care_of: dict[str, None] = {}

    def want(self, snapshot_id: str, system: str, spans: list[Span]) -> None:
        """Have the minutes that a snapshot tells of rolled up soon."""
        self._taken_care_of[snapshot_id] = None
        if len(self._taken_care_of) > REMEMBERED:
            del self._taken_care_of[next(iter(self._taken_care_of))]
        self._put_back(system, spans)

    def takes_care_of(self, snapshot_id: str) -> bool:
        """Tell whether this process has rolled up, or is about to, what a snapshot tells of."""
        return snapshot_id in self._taken_care_of

    @property
    def is_idle(self) -> bool:
        """Whether all that was wanted has been done."""
        return not self._spans

    def _put_back(self, system: str, spans: list[Span]) -> None:
        self._spans.setdefault(system, []).extend(spans)
        self._wanted.set()

    async def run(self) -> None:
        """Roll up, as long as this runs, whatever is wanted."""
        while True:
            await self._wanted.wait()
            try:
                await self.run_once()
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)

    async def run_once(self) -> None:
        """Roll up all that is wanted now: system by system in turn, each one's newest piece first.

        Raises:
            StoreUnavailable: MongoDB is away; what was not done is still wanted.
        """
        self._wanted.clear()
        while self._spans:
            system = next(iter(self._spans))
            *older, newest = joined(self._spans.pop(system))
            if older:
                self._spans[system] = older  # behind all others
            try:
                await self._roll_up(system, newest)
            except BaseException:
                self._put_back(system, [newest])
                raise

    async def _roll_up(self, system: str, span: Span) -> None:
        """Roll up one span; one that is odd is told, and does not hold up the others."""
        try:
            async with self._store.operation() as database:
                await run_roll_up(database, system, *span)
        except TooSlow:
            self._take_apart(system, span)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("roll_up_failed", system=system, start=span[0], end=span[1])

    def _take_apart(self, system: str, span: Span) -> None:
        """Try a span that takes too long in halves; a minute that does is given up."""
        start, end = span
        half = floor_minute(start + (end - start) / 2)
        if half == start:
            log.error("roll_up_too_slow", system=system, minute=start)
        else:
            self._put_back(system, [(start, half)])
            self._put_back(system, [(half, end)])


def joined(spans: Iterable[Span]) -> Iterable[Span]:
    """Join spans that overlap, and cut what is longer than :data:`LONGEST_SPAN`; oldest first."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    for start, end in whole:
        yield from cut(start, end)


def cut(start: datetime, end: datetime) -> Iterable[Span]:
    """Cut a span into pieces of at most :data:`LONGEST_SPAN`."""
    while start < end:
        yield start, min(start + LONGEST_SPAN, end)
        start += LONGEST_SPAN

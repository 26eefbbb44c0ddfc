"""Keeping ``rates`` up to date: right after a snapshot is stored, the minutes that it tells of are rolled up.

Nothing but memory says what is to be rolled up. What a crash leaves undone is found by the sweep.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from receiver.errors import StoreUnavailable, TooSlow
from receiver.pipelines.stages import MINUTE, WINDOW, floor_minute
from receiver.store.connection import Store
from receiver.store.rates import ROLL_UP_SECONDS, run_roll_up

log = structlog.get_logger()

Span = tuple[datetime, datetime]

# Rows are placed so far from their snapshot; what is further off was misdated, and is a span of its own.
OLDEST_ROW, NEWEST_ROW = timedelta(minutes=-15), timedelta(minutes=5)
MOST_MISDATED = 60
# One roll-up at a time does so much: a backlog of a day must not hold up the others.
LONGEST_SPAN = timedelta(hours=1)
RETRY_SECONDS = 1.0
# Before what took too long, or failed, is tried again.
PAUSE_SECONDS = 60.0
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
        self._seconds = min(ROLL_UP_SECONDS, store.timeout_seconds / 2)
        self._spans: dict[str, list[Span]] = {}
        self._put_off: dict[tuple[str, Span], float] = {}  # until when, on the event loop's clock
        self._longest: dict[str, timedelta] = {}
        self._in_flight = False
        self._wanted = asyncio.Event()
        self._taken_care_of: dict[str, None] = {}

    def want(self, snapshot_id: str, system: str, spans: list[Span]) -> None:
        """Have the minutes that a snapshot tells of rolled up soon."""
        self._taken_care_of[snapshot_id] = None
        if len(self._taken_care_of) > REMEMBERED:
            del self._taken_care_of[next(iter(self._taken_care_of))]
        self._add(system, spans)

    def takes_care_of(self, snapshot_id: str) -> bool:
        """Tell whether this process has rolled up, or is about to, what a snapshot tells of."""
        return snapshot_id in self._taken_care_of

    @property
    def is_idle(self) -> bool:
        """Whether all that was wanted has been done."""
        return not (self._spans or self._put_off or self._in_flight)

    def _add(self, system: str, spans: list[Span]) -> None:
        self._spans.setdefault(system, []).extend(spans)
        self._wanted.set()

    async def run(self) -> None:
        """Roll up, as long as this runs, whatever is wanted."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), RETRY_SECONDS if self._put_off else None)
            self._take_up_again()
            try:
                await self.run_once()
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)

    def _take_up_again(self) -> None:
        now = asyncio.get_running_loop().time()
        for system, span in [key for key, until in self._put_off.items() if until <= now]:
            del self._put_off[system, span]
            self._add(system, [span])

    async def run_once(self) -> None:
        """Roll up all that is wanted now: system by system in turn, each one's newest piece first.

        Raises:
            StoreUnavailable: MongoDB is away; what was not done is still wanted.
        """
        self._wanted.clear()
        while self._spans:
            system = next(iter(self._spans))
            *older, newest = joined(self._spans.pop(system), self._longest.get(system, LONGEST_SPAN))
            if older:
                self._spans[system] = older  # behind all others
            self._in_flight = True
            try:
                await self._roll_up(system, newest)
            except BaseException:
                self._add(system, [newest])
                raise
            finally:
                self._in_flight = False

    async def _roll_up(self, system: str, span: Span) -> None:
        """Roll up one span; one that cannot be is told, and does not hold up the others."""
        try:
            async with self._store.operation() as database:
                await run_roll_up(database, system, *span, seconds=self._seconds)
        except TooSlow:
            self._make_smaller(system, span)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("roll_up_failed", system=system, start=span[0], end=span[1])
            self._put_off[system, span] = asyncio.get_running_loop().time() + PAUSE_SECONDS
        else:
            self._make_longer(system)

    def _make_smaller(self, system: str, span: Span) -> None:
        """Try shorter spans of a system that takes too long; a minute that does is tried again later."""
        start, end = span
        if end - start > MINUTE:
            self._longest[system] = floor_span((end - start) / 2)
            self._add(system, [span])
        else:
            log.warning("roll_up_too_slow", system=system, minute=start)
            self._put_off[system, span] = asyncio.get_running_loop().time() + PAUSE_SECONDS

    def _make_longer(self, system: str) -> None:
        longest = 2 * self._longest.pop(system, LONGEST_SPAN)
        if longest < LONGEST_SPAN:
            self._longest[system] = longest


def floor_span(length: timedelta) -> timedelta:
    """Return the whole minutes of a length, but one at least."""
    return max(MINUTE, length // MINUTE * MINUTE)


def joined(spans: Iterable[Span], longest: timedelta = LONGEST_SPAN) -> Iterable[Span]:
    """Join spans that overlap, and cut what is longer than it may be; oldest first."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    for start, end in whole:
        yield from cut(start, end, longest)


def cut(start: datetime, end: datetime, longest: timedelta = LONGEST_SPAN) -> Iterable[Span]:
    """Cut a span into pieces that are not too long."""
    while start < end:
        yield start, min(start + longest, end)
        start += longest

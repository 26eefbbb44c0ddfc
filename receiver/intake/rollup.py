"""Keeping ``rates`` up to date: right after a snapshot is stored, the minutes that it tells of are rolled up.

Nothing but memory says what is to be rolled up. What a crash leaves undone is found by the sweep.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.errors import StoreUnavailable
from receiver.pipelines.stages import MINUTE, WINDOW, floor_minute
from receiver.store.connection import Store
from receiver.store.rates import run_roll_up

log = structlog.get_logger()

Span = tuple[datetime, datetime]

# Rows may be placed so far from their snapshot; what is further off was misdated, and waits for a rebuild.
OLDEST_ROW, NEWEST_ROW = timedelta(minutes=-15), timedelta(minutes=5)
# One roll-up at a time does so much: a backlog of a day must not hold up the others.
LONGEST_SPAN = timedelta(hours=1)
RETRY_SECONDS = 1.0


def minutes_told(timestamp: datetime, rows: Iterable[dict[str, Any]] = ()) -> Span:
    """Return the minutes whose documents a snapshot may change.

    Its window and its rows lie before it; the growth of a snapshot that was taken up to five minutes after it changes
    when it arrives late.

    Args:
        timestamp: when it was taken.
        rows: that it brought.

    Returns:
        ``(start, end)`` at the full minute, end excluded.
    """
    moments = [row["created_at"] for row in rows if row["created_at"] is not None]
    near = [moment for moment in moments if OLDEST_ROW <= moment - timestamp <= NEWEST_ROW]
    start, end = min([timestamp - WINDOW, *near]), max([timestamp + WINDOW, *near])
    return floor_minute(start), floor_minute(end) + MINUTE


class RollUps:
    """What is to be rolled up, and the doing of it, one after the other.

    Args:
        store: where.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spans: dict[str, list[Span]] = {}
        self._wanted = asyncio.Event()

    def want(self, system: str, span: Span) -> None:
        """Have the minutes of a span rolled up soon."""
        self._spans.setdefault(system, []).append(span)
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
        """Roll up all that is wanted now.

        Raises:
            StoreUnavailable: MongoDB is away; what was not done is still wanted.
        """
        self._wanted.clear()
        while self._spans:
            system, spans = next(iter(self._spans.items()))
            del self._spans[system]
            for number, span in enumerate(pieces := list(joined(spans))):
                try:
                    await self._roll_up(system, span)
                except BaseException:
                    self._spans.setdefault(system, []).extend(pieces[number:])
                    self._wanted.set()
                    raise

    async def _roll_up(self, system: str, span: Span) -> None:
        """Roll up one span; one that is odd is told, and does not hold up the others."""
        try:
            async with self._store.operation() as database:
                await run_roll_up(database, system, *span)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("roll_up_failed", system=system, start=span[0], end=span[1])


def joined(spans: Iterable[Span]) -> Iterable[Span]:
    """Join spans that overlap or touch, and cut what is longer than :data:`LONGEST_SPAN`; oldest first."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
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

"""The ``rates`` collection: one document a system and minute, and what it takes to keep it up to date."""

from datetime import datetime, timedelta
from typing import Any

from receiver.pipelines.rates import roll_up
from receiver.pipelines.series import series, series_in_steps
from receiver.pipelines.stages import MINUTE, RATES, SNAPSHOTS, SOURCES, Pipeline
from receiver.store.aggregation import run_pipeline
from receiver.store.layout import Database

# Less than an operation may take: a heavy minute of one application must not pass for a server that is away.
ROLL_UP_SECONDS = 2.0
HOURS_SECONDS = 600.0
NOT_TOLD = {"complete": False}


async def run_roll_up(
    database: Database, system: str, start: datetime, end: datetime, seconds: float = ROLL_UP_SECONDS
) -> None:
    """Bring the minutes of a span up to date; as often, in whatever order and by as many processes as may be.

    Args:
        database: where.
        system: whose.
        start, end: UTC, aware, at the full minute; start included, end excluded.
        seconds: how long it may take.

    Raises:
        TooSlow: longer than that.
    """
    await run_pipeline(database, SNAPSHOTS, roll_up(system, start, end), "roll_up", seconds)


async def list_series(
    database: Database, system: str, start: datetime, end: datetime, step: timedelta
) -> list[dict[str, Any]]:
    """List the points of a system's series, oldest first, as ``series_in_steps`` yields them, for a minute too."""
    if start >= end:
        return []
    if step == MINUTE:
        return [_point(rate) for rate in await run_pipeline(database, RATES, series(system, start, end), "series")]
    stages = series_in_steps(system, start, end, step // MINUTE)
    return await run_pipeline(database, RATES, stages, "series_in_steps")


def _point(rate: dict[str, Any]) -> dict[str, Any]:
    """Return the point of one minute."""
    headline = rate["headline"]
    basis = {figure: [basis] if basis else [] for figure, basis in headline.pop("basis", {}).items()}
    complete = {source: int((rate.pop(source, None) or NOT_TOLD)["complete"]) for source in SOURCES}
    return {**rate, "minutes": 1, "peak": headline, "basis": basis, "complete": complete}


async def find_next_minute(database: Database, system: str, start: datetime, end: datetime) -> datetime | None:
    """Find the first minute of a span that has a document; None where there is none."""
    if start >= end:
        return None
    span = {"system": system, "minute": {"$gte": start, "$lt": end}}
    found = await database[RATES].find_one(span, {"minute": 1}, sort=[("minute", 1)])
    return found["minute"] if found else None


async def find_last_minute(database: Database, system: str) -> datetime | None:
    """Find the last minute of a system that has a document; None where there is none."""
    found = await database[RATES].find_one({"system": system}, {"minute": 1}, sort=[("minute", -1)])
    return found["minute"] if found else None


async def list_hours(database: Database, system: str) -> list[datetime]:
    """List the hours in which a snapshot of a system was taken; from the index alone."""
    hour = {"$dateTrunc": {"date": "$timestamp", "unit": "hour"}}
    stages: Pipeline = [{"$match": {"system": system}}, {"$group": {"_id": hour}}, {"$sort": {"_id": 1}}]
    return [one["_id"] for one in await run_pipeline(database, SNAPSHOTS, stages, "hours", HOURS_SECONDS)]

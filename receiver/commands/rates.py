"""``receiver rates``."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import click

from receiver.clock import utc_now
from receiver.commands.database import database_options, settings_of, with_database
from receiver.commands.options import span_options
from receiver.errors import ReceiverError
from receiver.intake.rollup import Span, joined, spans_told
from receiver.pipelines.stages import MINUTE, floor_minute, floor_step
from receiver.settings import Settings
from receiver.store.layout import Database
from receiver.store.rates import find_last_minute, list_hours, list_series, run_roll_up
from receiver.store.systems import list_systems

# What is drawn: name → (from the point, decimals).
CURVES = {
    "requests/min": ("headline", "requests_per_minute"),
    "exceptions/min": ("headline", "exceptions_per_minute"),
    "queries/min": ("headline", "queries_per_minute"),
    "response avg ms": ("response_time_ms", "avg"),
    "response max ms": ("response_time_ms", "max"),
    "memory MB": ("memory_bytes", "max"),
}
# Somebody is waiting and sees how far it is: an hour of hundreds of applications under one name may take its time.
ROLL_UP_SECONDS = 600.0
HOUR, ALMOST_A_MINUTE = timedelta(hours=1), MINUTE - timedelta.resolution
MEGABYTE = 1_000_000
BARS = "▁▂▃▄▅▆▇█"
GAP = " "
# What is shown → the minutes a column stands for.
STEPS = {"1h": 1, "6h": 5, "24h": 20}


@click.group()
def rates() -> None:
    """What happened, minute by minute."""


@rates.command("show")
@click.option("--system", required=True, help="of which application")
@click.option("--last", type=click.Choice(list(STEPS)), default="1h", show_default=True, help="how much of it")
@database_options
def rates_show(config: Path | None, system: str, last: str, **options: str | None) -> None:
    """Draw the last hour, or more: the mean of each figure; a blank is a gap."""
    step = STEPS[last] * MINUTE
    end = floor_step(utc_now(), step) + step
    start = end - timedelta(hours=int(last[:-1]))
    settings = settings_of(config, options)
    points = with_database(settings, lambda database: list_series(database, system, start, end, step))
    if not points:
        raise ReceiverError(f"There are no rates of {system} in the last {last}. {_hint(settings, system)}")
    places = {(point["minute"] - start) // step: point for point in points}
    columns = [places.get(place) for place in range((end - start) // step)]
    click.echo(f"{system}, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, a column is {STEPS[last]} min")
    for name, (part, figure) in CURVES.items():
        values = [None if point is None else point[part][figure] for point in columns]
        click.echo(curve(name, [_scaled(name, value) for value in values]))


def _hint(settings: Settings, system: str) -> str:
    """Say where there are some."""
    latest = with_database(settings, lambda database: find_last_minute(database, system))
    if latest is not None:
        return f"The latest are of {latest:%Y-%m-%d %H:%M} UTC."
    names = ", ".join(one["_id"] for one in with_database(settings, list_systems)) or "none"
    return f"Known systems: {names}."


def _scaled(name: str, value: float | None) -> float | None:
    return value / MEGABYTE if value is not None and name == "memory MB" else value


def curve(name: str, values: list[float | None]) -> str:
    """Draw one line: the name, a column a value from 0 to the largest, and the last and the largest in numbers."""
    known = [value for value in values if value is not None]
    if not known:
        return f"{name:>15}  {'unknown':<{len(values)}}"
    most = max(known)
    bars = "".join(GAP if value is None else _bar(value, most) for value in values)
    return f"{name:>15}  {bars}  last {known[-1]:.1f}, max {most:.1f}"


def _bar(value: float, most: float) -> str:
    return BARS[round(value / most * (len(BARS) - 1))] if most else BARS[0]


@rates.command("rebuild")
@click.option("--system", help="only of this application")
@span_options
@database_options
def rates_rebuild(
    config: Path | None, system: str | None, start: datetime | None, end: datetime | None, **options: str | None
) -> None:
    """Compute the rates again from the stored snapshots and entries.

    A minute of which some snapshots have been deleted by age keeps what was known with them.
    """
    if start and end and start >= end:
        raise ReceiverError("--from must be before --to.")
    settings = settings_of(config, options)
    count = with_database(settings, lambda database: rebuild(database, system, start, end))
    click.echo(f"{count} minutes looked at.")


async def rebuild(database: Database, system: str | None, start: datetime | None, end: datetime | None) -> int:
    """Roll up a span of one system, or of all, with a progress bar; returns how many minutes that were.

    Raises:
        ReceiverError: there is no such system.
    """
    systems = [one["_id"] for one in await list_systems(database) if system in (None, one["_id"])]
    if not systems:
        raise ReceiverError(f"There is no system {system}." if system else "There are no systems.")
    wanted = {name: await _spans(database, name, start, end) for name in systems}
    return await roll_up_all(database, wanted, "Rebuilding")


async def _spans(database: Database, system: str, start: datetime | None, end: datetime | None) -> list[Span]:
    """Return the minutes that the stored snapshots of a system tell of, within a span."""
    told = []
    for hour in await list_hours(database, system):
        first, last = spans_told(hour)[0][0], spans_told(hour + HOUR)[0][1]
        begin, stop = max(first, floor_minute(start or first)), min(last, floor_minute((end or last) + ALMOST_A_MINUTE))
        if begin < stop:
            told.append((begin, stop))
    return told


async def roll_up_all(database: Database, wanted: dict[str, list[Span]], label: str) -> int:
    """Roll up spans of systems, with a progress bar; returns how many minutes that were."""
    pieces = [(system, span) for system, spans in wanted.items() for span in joined(spans)]
    with click.progressbar(pieces, label=label, item_show_func=_piece, file=sys.stderr) as progress:
        for system, span in progress:
            await run_roll_up(database, system, *span, seconds=ROLL_UP_SECONDS)
    return sum((span[1] - span[0]) // MINUTE for _, span in pieces)


def _piece(piece: tuple[str, Span] | None) -> str:
    return f"{piece[0]} {piece[1][0]:%Y-%m-%d %H:%M}" if piece else ""

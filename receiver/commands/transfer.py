"""``receiver export`` and ``receiver import``."""

import csv
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click

from receiver.app import retention_of
from receiver.commands.database import database_options, settings_of, with_database
from receiver.commands.options import span_options
from receiver.commands.rates import ROLL_UP_SECONDS
from receiver.errors import ReceiverError
from receiver.intake.document import sighting_of
from receiver.intake.facts import FACTS, rows_of
from receiver.intake.rollup import Span, joined, spans_told
from receiver.intake.writer import insert_rows
from receiver.pipelines.rates import HEADLINE
from receiver.pipelines.stages import ENTRIES, RATES, RATES_BY_TYPE, SNAPSHOTS, SOURCES
from receiver.pipelines.views import FIGURES
from receiver.store.encoding import (
    MAX_DOCUMENT_BYTES,
    NotEncodable,
    encode,
    read_extended_json,
    write_extended_json,
)
from receiver.store.layout import Database, make_layout
from receiver.store.rates import run_roll_up
from receiver.store.systems import replace_system
from receiver.store.transfer import (
    ALERTS,
    EXPORTED,
    IMPORTED,
    Portion,
    Refused,
    count_wanted,
    insert_missing,
    stream,
)
from schemas.fields import EARLIEST_YEAR, LATEST_YEAR

# Lines are read until they are so long together: a snapshot may have a few megabytes.
BATCH_BYTES = 8 * 1024 * 1024

Document = dict[str, Any]

# What tells the documents of one kind from those of another.
NEEDED = {
    SNAPSHOTS: {"_id", "system", "timestamp", *SOURCES, "server_info", "receipt"},
    ENTRIES: {"_id", "system", "source", "snapshot_id"},
    RATES: {"_id", "system", "minute", "inputs"},
    ALERTS: {"_id", "system", "rule", "status"},
}
FACT_NAMES = sorted({name for types in FACTS.values() for extract in types.values() for name in extract({}, {})})
SECTION_NAMES = ("total_entries", "recent_entries", "entry_types", "error")
# What a CSV file has of each kind.
COLUMNS: dict[str, tuple[str, ...]] = {
    SNAPSHOTS: (
        *("_id", "system", "timestamp", "received_at"),
        *(f"{source}.{name}" for source in SOURCES for name in SECTION_NAMES),
        *(f"server_info.{name}" for name in ("php_version", "laravel_version", "memory_usage", "peak_memory")),
        *(f"receipt.{name}" for name in ("bytes", "late", "clock_skew_seconds", "token")),
    ),
    ENTRIES: (
        *("_id", "system", "source", "type", "created_at", "batch_id", "snapshot_id", "received_at", "observed_at"),
        *FACT_NAMES,
    ),
    RATES: (
        *("system", "minute", "snapshots"),
        *(f"headline.{name}_per_minute" for name in HEADLINE),
        *(f"headline.basis.{name}" for name in HEADLINE),
        *(f"response_time_ms.{name}" for name in ("count", "avg", "p95", "max")),
        *(f"memory_bytes.{name}" for name in ("last", "max", "peak")),
        *(f"{source}.complete" for source in SOURCES),
        *("inputs", "updated_at"),
    ),
    RATES_BY_TYPE: ("system", "minute", "source", "type", *FIGURES, "complete"),
    ALERTS: (
        *("_id", "fingerprint", "system", "rule", "severity", "status", "summary", "metric", "unit"),
        *("value", "threshold", "peak_value", "occurrences", "started_at", "fired_at", "last_seen_at"),
        *("acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by", "resolve_reason"),
    ),
}


@click.command()
@click.argument("kind", type=click.Choice(list(EXPORTED)))
@click.option("--system", help="only of this application")
@span_options
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="file  [default: standard output]")
@database_options
def export(
    config: Path | None,
    kind: str,
    system: str | None,
    start: datetime | None,
    end: datetime | None,
    form: str,
    output: Path | None,
    **options: str | None,
) -> None:
    """Write documents of one KIND, one a line.

    NDJSON has them as they are, with dates as {"$date": ...}, for `receiver import`. CSV has their main fields, a
    column each. rates_by_type has a row a system, minute, source and type.
    """
    wanted = Portion(kind, system, start, end)

    async def run(database: Database) -> int:
        documents = stream(database, wanted)
        total = await count_wanted(database, wanted)
        with _opened(output) as file, _progress(total) as advance:
            write = _csv_writer(file, COLUMNS[kind]) if form == "csv" else _json_writer(file)
            return await _write_all(documents, write, advance)

    count = with_database(settings_of(config, options), run)
    click.echo(f"{count} {kind}.", err=True)


async def _write_all(
    documents: AsyncIterator[Document],
    write: Callable[[Document], object],
    advance: Callable[[int], None],
) -> int:
    count = 0
    async for document in documents:
        write(document)
        advance(1)
        count += 1
    return count


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Open the file, which has its name only when it is whole; or lend standard output."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(output.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        yield file
    part.replace(output)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    with click.progressbar(length=total, label="Exporting", file=sys.stderr, show_pos=True) as progress:
        yield progress.update


def _json_writer(file: TextIO) -> Callable[[Document], object]:
    return lambda document: file.write(write_extended_json(document) + "\n")


def _csv_writer(file: TextIO, columns: tuple[str, ...]) -> Callable[[Document], object]:
    writer = csv.writer(file)
    writer.writerow(columns)
    return lambda document: writer.writerow([_cell(_at(document, column)) for column in columns])


def _at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return write_extended_json(value) if isinstance(value, dict | list) else value


@click.command("import")
@click.argument("kind", type=click.Choice(list(IMPORTED)))
@click.argument("file", type=click.File("rb", lazy=False))
@database_options
def import_(config: Path | None, kind: str, file: Any, **options: str | None) -> None:
    """Read documents of one KIND back from FILE, as `receiver export` wrote them; - is standard input.

    What is stored already stays as it is. Of snapshots, the rows of entries and the rates are made too. An import that
    was interrupted is completed by running it again.
    """
    settings = settings_of(config, options)

    async def run(database: Database) -> tuple[int, int]:
        await make_layout(database, retention_of(settings), only_missing=True)
        seen, new = 0, 0
        with click.progressbar(length=_size(file), label="Importing", file=sys.stderr) as progress:
            for lines in iter(lambda: file.readlines(BATCH_BYTES), []):
                documents = [_read(kind, line, seen + number) for number, line in enumerate(lines, 1)]
                new += await _insert(database, kind, documents, seen)
                if kind == SNAPSHOTS:
                    await _follow_snapshots(database, documents)
                seen += len(lines)
                progress.update(sum(map(len, lines)))
        return seen, new

    seen, new = with_database(settings, run)
    click.echo(f"{new} {kind} imported, {seen - new} were there already.")


def _size(file: Any) -> int:
    return os.fstat(file.fileno()).st_size


def _read(kind: str, line: bytes, number: int) -> Document:
    try:
        document = read_extended_json(line)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.keys() >= NEEDED[kind]:
        raise ReceiverError(f"Line {number} is not a document of {kind} as `receiver export` writes them.")
    if kind == SNAPSHOTS and not _is_of_this_age(document["timestamp"]):
        raise ReceiverError(f"Line {number} has a timestamp that is no moment from {EARLIEST_YEAR} to {LATEST_YEAR}.")
    return document


def _is_of_this_age(moment: Any) -> bool:
    return isinstance(moment, datetime) and EARLIEST_YEAR <= moment.year <= LATEST_YEAR


async def _insert(database: Database, kind: str, documents: list[Document], seen: int) -> int:
    encoded = []
    for number, document in enumerate(documents, seen + 1):
        try:
            encoded.append(encode(document))
        except NotEncodable:
            raise ReceiverError(f"Line {number} holds what MongoDB cannot.") from None
        if len(encoded[-1].raw) > MAX_DOCUMENT_BYTES:
            raise ReceiverError(f"Line {number} is larger than a document of MongoDB may be.")
    try:
        return await insert_missing(database, kind, encoded)
    except Refused as error:
        raise ReceiverError(f"Line {seen + error.number + 1} is refused by the collection's validator.") from None


async def _follow_snapshots(database: Database, documents: list[Document]) -> None:
    """Make the rows and the rates that follow from snapshots, and tell their systems."""
    spans: dict[str, list[Span]] = {}
    for document in documents:
        rows = list(rows_of(document))
        await insert_rows(database, rows)
        await replace_system(database, sighting_of(document))
        spans.setdefault(document["system"], []).extend(spans_told(document["timestamp"], rows))
    for system, told in spans.items():
        for span in joined(told):
            await run_roll_up(database, system, *span, seconds=ROLL_UP_SECONDS)

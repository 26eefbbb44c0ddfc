"""The last step of a snapshot: into MongoDB, for good, with its rows."""

from collections.abc import Iterable
from typing import Any

from receiver.intake.document import Snapshot
from receiver.intake.facts import MUTABLE
from receiver.intake.rollup import RollUps, spans_told
from receiver.store.connection import Store
from receiver.store.entries import insert_entries
from receiver.store.layout import Database
from receiver.store.snapshots import insert_snapshot
from receiver.store.systems import replace_system


async def write_snapshot(store: Store, roll_ups: RollUps, snapshot: Snapshot) -> bool:
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
        await insert_rows(database, snapshot.rows)
        await replace_system(database, snapshot.sighting)
    roll_ups.want(snapshot.id, snapshot.sighting.system, spans_told(snapshot.timestamp, snapshot.rows))
    return inserted


async def insert_rows(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    """Store the rows of a snapshot, in any order and any number of times."""
    lasting: list[dict[str, Any]] = []
    changing: list[dict[str, Any]] = []
    for row in rows:
        (changing if (row["source"], row["type"]) in MUTABLE else lasting).append(row)
    if lasting or changing:
        await insert_entries(database, lasting, changing)

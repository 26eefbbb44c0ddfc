"""Snapshots into a database as the receiver stores them, without the way through HTTP."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import bson
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from receiver.intake.decode import decode
from receiver.intake.document import Arrival, Snapshot, build_snapshot, snapshot_id
from receiver.intake.redact import Redaction
from receiver.web.monitoring import validate

REDACTION = Redaction(("*password*",))
DUPLICATE_KEY = 11000


def build(payload: dict[str, Any] | bytes, received_at: datetime | None = None) -> Snapshot:
    """Make what is stored of a payload; it is received when it was taken, if nothing else is said."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    decoded, depth = decode(body)
    loaded = validate(decoded)
    arrival = Arrival(
        snapshot_id=snapshot_id(body, None),
        system=loaded["system"],
        received_at=received_at or loaded["timestamp"].astimezone(UTC),
        bytes=len(body),
        token="test",
        depth=depth,
    )
    return build_snapshot(loaded, arrival, REDACTION)


def load(database: Database[dict[str, Any]], payloads: Iterable[dict[str, Any] | bytes]) -> list[Snapshot]:
    """Store snapshots and their rows; what is there already stays."""
    snapshots = [build(payload) for payload in payloads]
    _insert_new(database, "snapshots", [bson.decode(snapshot.encoded.raw) for snapshot in snapshots])
    _insert_new(database, "entries", [row for snapshot in snapshots for row in snapshot.rows])
    return snapshots


def _insert_new(database: Database[dict[str, Any]], collection: str, documents: list[dict[str, Any]]) -> None:
    if not documents:
        return
    try:
        database[collection].insert_many(documents, ordered=False)
    except BulkWriteError as error:
        if any(fault["code"] != DUPLICATE_KEY for fault in error.details["writeErrors"]):
            raise

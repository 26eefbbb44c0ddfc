"""``POST /api/monitoring``: the way in. A snapshot walks straight through this module.

Source: DESIGN.md, section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import ValidationError
from quart import Blueprint, Response, request

from receiver.clock import Clock, iso_utc
from receiver.errors import ErrorCode, FieldErrors, Refusal
from receiver.intake.decode import decode
from receiver.intake.document import Arrival, build_snapshot, snapshot_id
from receiver.intake.redact import Redaction, secret_in
from receiver.intake.rollup import RollUps
from receiver.intake.writer import write_snapshot
from receiver.store.connection import Store
from receiver.web.access import Access, allowed_system, presented_token
from receiver.web.body import read_json_bytes
from receiver.web.envelope import answer
from receiver.web.request_log import tell
from schemas.faults import flatten
from schemas.snapshot import SnapshotSchema, is_connection_test, missing_fields

MOST_FAULTS = 100
FAULTS_IN_MESSAGE = 3

SCHEMA = SnapshotSchema()


@dataclass(frozen=True)
class Reception:
    """What the route needs.

    Args:
        access: who may post.
        store: where to.
        roll_ups: is told of every snapshot that was stored.
        redaction: what is left out.
        utc_offsets: system → minutes east of UTC, where configured.
        max_body_bytes: of an inflated body.
        clock: what time it is.
    """

    access: Access
    store: Store
    roll_ups: RollUps
    redaction: Redaction
    utc_offsets: Mapping[str, int]
    max_body_bytes: int
    clock: Clock


def monitoring_blueprint(reception: Reception) -> Blueprint:
    """Make the route."""
    blueprint = Blueprint("monitoring", __name__)

    @blueprint.post("/api/monitoring")
    async def receive() -> Response:
        token = reception.access.require(request, "ingest")
        tell(token=token.name)
        body = await read_json_bytes(request, reception.max_body_bytes)
        received_at = reception.clock()
        tell(bytes=len(body))
        payload, depth = decode(body)
        if is_connection_test(payload):
            tell(outcome="connection_test")
            return _connection_ok(received_at)
        payload = validate(payload)
        system = allowed_system(token, payload["system"])
        arrival = Arrival(
            snapshot_id=snapshot_id(body, token.system),
            system=system,
            received_at=received_at,
            bytes=len(body),
            token=token.name,
            depth=depth,
            utc_offset_minutes=reception.utc_offsets.get(system),
            secret=secret_in(body, presented_token(request)),
        )
        return await _store(payload, arrival)

    async def _store(payload: dict[str, Any], arrival: Arrival) -> Response:
        tell(system=arrival.system, snapshot_id=arrival.snapshot_id)
        said = _said(payload, arrival)  # before the payload is taken apart
        snapshot = build_snapshot(payload, arrival, reception.redaction)
        inserted = await write_snapshot(reception.store, reception.roll_ups, snapshot)
        tell(outcome="stored" if inserted else "duplicate")
        return answer({**said, "duplicate": not inserted, "queued": False})

    return blueprint


def _connection_ok(received_at: datetime) -> Response:
    now = iso_utc(received_at)
    return answer({"success": True, "message": "Connection OK", "timestamp": now, "received_at": now})


def _said(payload: dict[str, Any], arrival: Arrival) -> dict[str, Any]:
    """Return the answer to a snapshot that is stored, but for whether it was there already."""
    return {
        "success": True,
        "message": "Data received successfully",
        "timestamp": iso_utc(payload["timestamp"]),
        "received_at": iso_utc(arrival.received_at),
        "processed": {
            "telescope_entries": payload["telescope"].get("recent_entries"),
            "pulse_entries": payload["pulse"].get("recent_entries"),
            "memory_usage": payload["server_info"].get("memory_usage"),
        },
        "snapshot_id": arrival.snapshot_id,
    }


def validate(payload: dict[str, Any]) -> dict[str, Any]:
    """Check a payload against the schema.

    Returns:
        The payload, with ``timestamp`` as a UTC date and PHP's ``[]`` as the empty maps they stand for.

    Raises:
        Refusal: MISSING_FIELDS or INVALID_DATA, with every fault by its path.
    """
    try:
        loaded: dict[str, Any] = SCHEMA.load(payload)
    except ValidationError as error:
        faults = dict(flatten(error.messages_dict))
        if missing := missing_fields(payload):
            message = f"Missing required fields: {', '.join(missing)}"
            raise Refusal(ErrorCode.MISSING_FIELDS, message, _bounded(faults)) from None
        raise Refusal(ErrorCode.INVALID_DATA, _sentence(faults), _bounded(faults)) from None
    return loaded


def _bounded(faults: FieldErrors) -> FieldErrors:
    return dict(list(faults.items())[:MOST_FAULTS])


def _sentence(faults: FieldErrors) -> str:
    first = list(faults.items())[:FAULTS_IN_MESSAGE]
    named = "; ".join(f"{path}: {' '.join(messages)}" for path, messages in first)
    more = len(faults) - len(first)
    return f"Invalid data: {named}" + (f"; and {more} more" if more else "")

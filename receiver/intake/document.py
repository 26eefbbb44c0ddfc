"""From a validated snapshot to the one nested document that is stored.

Source: DESIGN.md, section 4.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from receiver.errors import ErrorCode, Refusal
from receiver.intake.dialect import pulse_moment, telescope_moment, understand
from receiver.intake.repair import DEEPEST_LEVEL, Repair
from receiver.store.encoding import MAX_DOCUMENT_BYTES, EncodedDocument, NotEncodable, encode
from receiver.store.systems import Sighting

SCHEMA_VERSION = 1
# A snapshot that is older than its own window tells of a past that has been judged already.
LATE_AFTER = timedelta(minutes=5)
# A sender's clock may run ahead this far; one in 2099 must not pass for the latest news for ever.
FUTURE_ALLOWED = timedelta(minutes=5)

OUR_NAMES = ("_id", "received_at", "receipt", "sent")
ID_DIGITS = 32


@dataclass(frozen=True)
class Arrival:
    """How a snapshot reached us.

    Args:
        snapshot_id: see :func:`snapshot_id`.
        system: that it is for: the token's, or else the body's.
        received_at: on our clock.
        bytes: of the body, inflated.
        token: name of the token that it came with.
        depth: how many levels it nests.
    """

    snapshot_id: str
    system: str
    received_at: datetime
    bytes: int
    token: str
    depth: int


@dataclass(frozen=True)
class Snapshot:
    """A snapshot, ready to be stored.

    Args:
        id: that of the document, and of the answer.
        encoded: the document.
        sighting: what it tells about its system.
    """

    id: str
    encoded: EncodedDocument
    sighting: Sighting


def snapshot_id(body: bytes, token_system: str | None) -> str:
    """Digest a body, so that a re-send is the same snapshot.

    Args:
        body: inflated.
        token_system: the system the token carries; two applications that post the same bytes are two snapshots.
    """
    digest = hashlib.sha256(body)
    if token_system is not None:
        digest.update(b"\0" + token_system.encode())
    return digest.hexdigest()[:ID_DIGITS]


def build_snapshot(payload: dict[str, Any], arrival: Arrival) -> Snapshot:
    """Make the stored document from a validated payload, which is taken apart on the way.

    Raises:
        Refusal: it is larger than MongoDB's limit on documents.
    """
    document = _document(payload, arrival)
    encoded = None if arrival.depth > DEEPEST_LEVEL else _try_to_encode(document)
    if encoded is None:
        document = _repaired(document)
        encoded = encode(document)
    if len(encoded.raw) > MAX_DOCUMENT_BYTES:
        raise Refusal(ErrorCode.PAYLOAD_TOO_LARGE, "The snapshot is larger than a MongoDB document, 16 MiB")
    return Snapshot(arrival.snapshot_id, encoded, _sighting(document, arrival))


def _document(payload: dict[str, Any], arrival: Arrival) -> dict[str, Any]:
    timestamp = payload.pop("timestamp")
    sections = {name: payload.pop(name) for name in ("telescope", "pulse")}
    understand(sections["telescope"].get("recent_entries_data") or [], telescope_moment)
    understand(sections["pulse"].get("recent_entries_data") or [], pulse_moment)
    sent = {name: payload.pop(name) for name in OUR_NAMES if name in payload}
    if payload["system"] != arrival.system:
        sent["system"] = payload["system"]
    del payload["system"]
    return {
        "_id": arrival.snapshot_id,
        "system": arrival.system,
        "timestamp": timestamp,
        "received_at": arrival.received_at,
        **sections,
        "server_info": payload.pop("server_info"),
        **payload,
        **({"sent": sent} if sent else {}),
        "receipt": _receipt(timestamp, arrival),
    }


def _receipt(timestamp: datetime, arrival: Arrival) -> dict[str, Any]:
    skew = timestamp - arrival.received_at
    return {
        "schema_version": SCHEMA_VERSION,
        "bytes": arrival.bytes,
        "utc_offset_minutes": None,
        "trimmed": [],
        "redacted": [],
        "repaired": [],
        "late": -skew > LATE_AFTER,
        "clock_skew_seconds": round(skew.total_seconds(), 3),
        "token": arrival.token,
    }


def _try_to_encode(document: dict[str, Any]) -> EncodedDocument | None:
    try:
        return encode(document)
    except NotEncodable:
        return None


def _repaired(document: dict[str, Any]) -> dict[str, Any]:
    repair = Repair(document)
    repair.document["receipt"]["repaired"] = repair.notes
    return repair.document


def _sighting(document: dict[str, Any], arrival: Arrival) -> Sighting:
    server = document["server_info"]
    return Sighting(
        system=arrival.system,
        timestamp=min(document["timestamp"], arrival.received_at + FUTURE_ALLOWED),
        received_at=arrival.received_at,
        snapshot_id=arrival.snapshot_id,
        php_version=server.get("php_version"),
        laravel_version=server.get("laravel_version"),
    )

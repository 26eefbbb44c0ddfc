"""From a validated snapshot to the one nested document that is stored, and its rows.

Source: DESIGN.md, section 4.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from receiver.errors import ErrorCode, Refusal
from receiver.intake.dialect import understand
from receiver.intake.facts import rows_of
from receiver.intake.identity import identify
from receiver.intake.notes import Notes
from receiver.intake.offsets import Offset
from receiver.intake.redact import Redaction, conceal, spellings
from receiver.intake.repair import DEEPEST_LEVEL, repair
from receiver.intake.trim import strip_feedback, trim_largest
from receiver.intake.values import text
from receiver.pipelines.stages import SOURCES
from receiver.store.encoding import MAX_DOCUMENT_BYTES, EncodedDocument, NotEncodable, encode
from receiver.store.systems import Sighting

SCHEMA_VERSION = 1
# A snapshot that is older than its own window tells of a past that has been judged already.
LATE_AFTER = timedelta(minutes=5)
# A sender's clock may run ahead this far; one in 2099 must not pass for the latest news for ever.
FUTURE_ALLOWED = timedelta(minutes=5)

OUR_NAMES = ("_id", "received_at", "receipt", "sent")
ID_DIGITS = 32

# What stands under these names is ours, or its names are not keys; the rest of it is looked at by itself.
NEVER_SECRET = frozenset({"_id", "system", "timestamp", "received_at", "receipt"})
DOCUMENT_NAMES = NEVER_SECRET | {"telescope", "pulse", "server_info"}
SECTION_NAMES = frozenset({"recent_entries_data", "entry_types"})
ENTRY_NAMES = frozenset({"entry_id", "type", "created_at", "batch_id"})


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
        utc_offset_minutes: as configured for the system; None where it is to be inferred.
        secret: the token itself if it stands somewhere in the body.
    """

    snapshot_id: str
    system: str
    received_at: datetime
    bytes: int
    token: str
    depth: int
    utc_offset_minutes: int | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot, ready to be stored.

    Args:
        id: that of the document, and of the answer.
        timestamp: when it was taken.
        encoded: the document.
        rows: its entries, as ``entries`` keeps them.
        sighting: what it tells about its system.
    """

    id: str
    timestamp: datetime
    encoded: EncodedDocument
    rows: list[dict[str, Any]]
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


def build_snapshot(payload: dict[str, Any], arrival: Arrival, redaction: Redaction) -> Snapshot:
    """Make the stored document from a validated payload, which is taken apart on the way.

    Raises:
        Refusal: it is larger than MongoDB's limit on documents, and there is nothing in it to leave out.
    """
    document = _document(payload, arrival)
    _make_sense(document, arrival)
    _make_safe(document, arrival, redaction)
    document, encoded = _make_storable(document, arrival.depth)
    rows = list(rows_of(document))
    return Snapshot(arrival.snapshot_id, document["timestamp"], encoded, rows, sighting_of(document))


def _document(payload: dict[str, Any], arrival: Arrival) -> dict[str, Any]:
    timestamp = payload.pop("timestamp")
    sections = {name: payload.pop(name) for name in SOURCES}
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
        "utc_offset_minutes": arrival.utc_offset_minutes,
        "decoded": 0,
        "trimmed": [],
        "redacted": [],
        "repaired": [],
        "late": -skew > LATE_AFTER,
        "clock_skew_seconds": round(skew.total_seconds(), 3),
        "token": arrival.token,
    }


def _entries(document: dict[str, Any], source: str) -> list[dict[str, Any]]:
    return document[source].get("recent_entries_data") or []


def _make_sense(document: dict[str, Any], arrival: Arrival) -> None:
    """Understand and identify the entries; an offset is told by either section, Telescope's first."""
    receipt = document["receipt"]
    for source in SOURCES:
        offset = Offset(document["timestamp"], arrival.utc_offset_minutes)
        receipt["decoded"] += understand(_entries(document, source), offset)
        if receipt["utc_offset_minutes"] is None:
            receipt["utc_offset_minutes"] = offset.minutes
        identify(arrival.system, source, _entries(document, source))


def _make_safe(document: dict[str, Any], arrival: Arrival, redaction: Redaction) -> None:
    """Take out our own snapshots' copies and the secrets."""
    receipt, redacted = document["receipt"], Notes()
    for source in SOURCES:
        receipt["trimmed"] += strip_feedback(source, _entries(document, source))
    if arrival.secret:
        _conceal(document, spellings(arrival.secret), redacted)
    for source in SOURCES:
        for number, entry in enumerate(_entries(document, source)):
            redaction.redact(entry, [source, "recent_entries_data", number], redacted, spare=ENTRY_NAMES)
        redaction.redact(document[source], [source], redacted, spare=SECTION_NAMES)
    redaction.redact(document["server_info"], ["server_info"], redacted)
    redaction.redact(document, [], redacted, spare=DOCUMENT_NAMES)
    receipt["redacted"] = redacted.listed()


def _conceal(document: dict[str, Any], secrets: tuple[str, ...], redacted: Notes) -> None:
    for name in [name for name in document if name not in NEVER_SECRET]:
        document[name] = conceal(document[name], secrets, [name], redacted)


def _make_storable(document: dict[str, Any], depth: int) -> tuple[dict[str, Any], EncodedDocument]:
    """Encode the document, repaired and trimmed as far as need be."""
    encoded = None if depth > DEEPEST_LEVEL else _try_to_encode(document)
    if encoded is None:
        document, notes = repair(document)
        document["receipt"]["repaired"] = notes.listed()
        encoded = encode(document)
    while len(encoded.raw) > MAX_DOCUMENT_BYTES:
        trimmed = trim_largest(document, len(encoded.raw) - MAX_DOCUMENT_BYTES)
        if not trimmed:
            raise Refusal(ErrorCode.PAYLOAD_TOO_LARGE, "The snapshot is larger than a MongoDB document, 16 MiB")
        document["receipt"]["trimmed"] += trimmed
        encoded = encode(document)
    return document, encoded


def _try_to_encode(document: dict[str, Any]) -> EncodedDocument | None:
    try:
        return encode(document)
    except NotEncodable:
        return None


def sighting_of(document: dict[str, Any]) -> Sighting:
    """Return what a stored snapshot tells about its system."""
    server = document["server_info"]
    return Sighting(
        system=document["system"],
        timestamp=min(document["timestamp"], document["received_at"] + FUTURE_ALLOWED),
        received_at=document["received_at"],
        snapshot_id=document["_id"],
        php_version=text(server.get("php_version")),
        laravel_version=text(server.get("laravel_version")),
    )

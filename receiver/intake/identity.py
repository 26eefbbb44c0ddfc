"""Which entry is which: the same row has the same ``entry_id`` in every snapshot that brings it.

Telescope's rows come without an id, so one is made of the facts that cannot change. Equal rows in one snapshot (the
same query run five times) are told apart by an ordinal, so that five stay five.

Source: DESIGN.md, section 4.
"""

import hashlib
from collections import Counter
from typing import Any

from receiver.intake.dialect import Entry

ID_BYTES = 12

# What an entry of these types is known by, in its content and in what the sender copied from it into the row. Other
# types: every scalar of both.
IMMUTABLE: dict[str | None, tuple[str, ...]] = {
    "request": ("method", "uri", "path", "response_status", "status", "duration", "memory", "ip_address"),
    "client_request": ("method", "uri", "response_status", "duration"),
    "query": ("connection", "sql", "query", "time", "file", "line"),
    "exception": ("class", "message", "file", "line"),
    "log": ("level", "message"),
    "job": ("name", "job", "queue", "connection"),  # its status changes, and its duration comes later
    "batch": ("id", "name"),  # its counts change
    "cache": ("type", "key"),
}
PULSE_ROW = ("id", "timestamp", "type", "key", "value", "batch_id")
# What says which row it is besides its facts; under ``sent`` where it was replaced.
IDENTITY = ("type", "created_at")
ROW_ITSELF = ("content", "type", "created_at", "sent", "entry_id", "batch_id", "timestamp")


def identify(system: str, source: str, entries: list[Entry]) -> None:
    """Give each entry, in place, its ``entry_id``; one of the sender's own goes under ``sent``.

    To be called when contents and types are canonical, before anything is redacted or trimmed.
    """
    seen: Counter[str] = Counter()
    for entry in entries:
        facts = _facts(source, entry)
        ordinal = seen[facts]
        seen[facts] += 1
        text = f"{system}\x1f{facts}\x1f{ordinal}".encode("utf-8", "surrogatepass")
        if "entry_id" in entry:
            entry["sent"] = {**entry.get("sent", {}), "entry_id": entry["entry_id"]}
        entry["entry_id"] = hashlib.blake2b(text, digest_size=ID_BYTES).hexdigest()


def _facts(source: str, entry: Entry) -> str:
    sent = entry.get("sent", {})
    told = [source, entry.get("type"), *(sent.get(name) for name in IDENTITY)]
    if source == "pulse":
        return _join([*told, *(entry.get(name) for name in PULSE_ROW), *_known_by(entry.get("content"), None)])
    row = {name: value for name, value in entry.items() if name not in ROW_ITSELF}
    kind = entry.get("type")
    batch = (entry.get("batch_id"), entry.get("timestamp"))
    return _join([*told, *batch, *_known_by(entry.get("content"), kind), *_known_by(row, kind)])


def _known_by(values: Any, kind: str | None) -> list[Any]:
    if type(values) is not dict:
        return [values]
    names = IMMUTABLE.get(kind)
    if names is None:
        return [(key, values[key]) for key in sorted(values) if type(values[key]) not in (dict, list)]
    return [values.get(name) for name in names]


def _join(values: list[Any]) -> str:
    return "\x1f".join(map(repr, values))

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

# What a row of these types is known by. Other types: every scalar of their content.
IMMUTABLE: dict[str | None, tuple[str, ...]] = {
    "request": ("method", "uri", "response_status", "duration", "memory", "ip_address"),
    "client_request": ("method", "uri", "response_status", "duration"),
    "query": ("connection", "sql", "time", "file", "line"),
    "exception": ("class", "message", "file", "line"),
    "log": ("level", "message"),
    "job": ("name", "queue", "connection"),  # its status changes
    "batch": ("id", "name"),  # its counts change
    "cache": ("type", "key"),
}
PULSE_ROW = ("id", "timestamp", "key", "value")


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
    if source == "pulse" and entry.get("id") is not None:
        return _join([source, entry.get("type"), *(entry.get(name) for name in PULSE_ROW)])
    created = entry.get("sent", {}).get("created_at")
    return _join([source, entry.get("type"), entry.get("batch_id"), created, *_known_by(entry)])


def _known_by(entry: Entry) -> list[Any]:
    content = entry.get("content")
    if type(content) is not dict:
        return [content]
    names = IMMUTABLE.get(entry.get("type"))
    if names is None:
        return [(key, content[key]) for key in sorted(content) if type(content[key]) not in (dict, list)]
    return [content.get(name) for name in names]


def _join(values: list[Any]) -> str:
    return "\x1f".join(map(repr, values))

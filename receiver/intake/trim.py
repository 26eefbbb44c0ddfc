"""What is left out of a document: the copy of our own snapshots that Telescope makes, and what MongoDB has no room for.

What is left out is replaced by ``{"trimmed_bytes": N}``, its size as JSON, and listed in ``receipt.trimmed``.

Source: DESIGN.md, section 3, fact 12.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from receiver.intake.dialect import Entry
from receiver.intake.notes import LONGEST_PATH
from receiver.intake.values import LONGEST_URI

ENDPOINT = "/api/monitoring"
BODIES = ("payload", "response")
# What pipelines and analysts group by stays, whatever its size.
ESSENTIAL = {"type", "created_at", "batch_id", "entry_id", "id", "timestamp", "sent"}
SMALLEST_BYTES = 1024

Note = dict[str, Any]


def is_feedback(entry: Entry) -> bool:
    """Tell whether an entry is Telescope's record of a post to this receiver: it holds the whole snapshot again."""
    content = entry.get("content")
    if entry.get("type") != "client_request" or type(content) is not dict:
        return False
    uri = content.get("uri")
    try:
        return type(uri) is str and urlsplit(uri[:LONGEST_URI]).path.rstrip("/").endswith(ENDPOINT)
    except ValueError:  # not a URI at all
        return False


def strip_feedback(source: str, entries: list[Entry]) -> list[Note]:
    """Take the bodies out of the entries that record our own snapshots; their facts stay.

    Returns:
        ``{"path", "bytes", "reason": "feedback"}`` for each body.
    """
    notes = []
    for number, entry in enumerate(entries):
        if is_feedback(entry):
            for name in BODIES:
                if entry["content"].get(name):
                    path = f"{source}.recent_entries_data.{number}.content.{name}"
                    notes.append(_trim(entry["content"], name, path, "feedback"))
    return notes


@dataclass(frozen=True)
class Candidate:
    """Something that may be left out.

    Args:
        bytes: its size as JSON.
        holder, key: where it is.
        path: the same, for people.
    """

    bytes: int
    holder: dict[str, Any]
    key: str
    path: str


def trim_largest(document: dict[str, Any], excess: int) -> list[Note]:
    """Leave out the largest parts of entries, then of what is unknown, until a document is so many bytes smaller.

    Returns:
        ``{"path", "bytes", "reason": "too_large"}`` for each part; less than was asked when there is no more.
    """
    notes = []
    for candidate in sorted(_candidates(document), key=lambda candidate: -candidate.bytes):
        if excess <= 0:
            break
        notes.append(_trim(candidate.holder, candidate.key, candidate.path, "too_large"))
        excess -= candidate.bytes
    return notes


def _candidates(document: dict[str, Any]) -> Iterator[Candidate]:
    for source in ("telescope", "pulse"):
        for number, entry in enumerate(document[source].get("recent_entries_data") or []):
            path = f"{source}.recent_entries_data.{number}"
            content = entry.get("content")
            if type(content) is dict:
                yield from _large(content, f"{path}.content", set())
                yield from _large(entry, path, {*ESSENTIAL, "content"})
            else:
                yield from _large(entry, path, ESSENTIAL)
        yield from _large(document[source], source, {"recent_entries_data", "entry_types", "error"})
    yield from _large(document["server_info"], "server_info", {"php_version", "laravel_version"})
    known = {"_id", "system", "timestamp", "received_at", "telescope", "pulse", "server_info", "receipt"}
    yield from _large(document, "", known)


def _large(holder: dict[str, Any], path: str, spared: set[str]) -> Iterator[Candidate]:
    for key, value in holder.items():
        if key not in spared and type(value) in (str, dict, list):
            size = json_bytes(value)
            if size >= SMALLEST_BYTES:
                yield Candidate(size, holder, key, f"{path}.{key}" if path else key)


def _trim(holder: dict[str, Any], key: str, path: str, reason: str) -> Note:
    size = json_bytes(holder[key])
    holder[key] = {"trimmed_bytes": size}
    return {"path": path[:LONGEST_PATH], "bytes": size, "reason": reason}


def json_bytes(value: Any) -> int:
    """Return the size of a value as JSON."""
    try:
        return len(msgspec.json.encode(value))
    except (UnicodeError, ValueError, OverflowError):  # lone surrogates, integers beyond 64 bits
        return len(repr(value))

"""Documents as BSON, encoded once: for their size, and to find out early what BSON cannot hold."""

import json
from datetime import UTC, datetime
from typing import Any

import bson
from bson.dbref import DBRef
from bson.errors import BSONError, InvalidDocument
from bson.raw_bson import RawBSONDocument

EncodedDocument = RawBSONDocument

# MongoDB's limit on a document.
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024


class NotEncodable(Exception):  # noqa: N818 - it reads as what it is
    """BSON cannot hold the document: a NUL in a key, an integer beyond 64 bits, a lone surrogate."""


def encode(document: dict[str, Any]) -> EncodedDocument:
    """Encode a document.

    Returns:
        The document, ready for insertion; ``len(result.raw)`` is its size in bytes.

    Raises:
        NotEncodable: without naming the place.
    """
    try:
        return EncodedDocument(bson.encode(document))
    except (BSONError, InvalidDocument, OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise NotEncodable(type(error).__name__) from None


def plain(value: Any) -> Any:
    """Return a value that was read from MongoDB as it was stored.

    The driver makes a reference of its own kind of every object with ``$ref`` and ``$id``, whatever a sender meant.
    """
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def write_extended_json(value: Any) -> str:
    """Write a value on one line, so that :func:`read_extended_json` makes the same of it.

    Dates are ``{"$date": "…Z"}``, as in MongoDB's own extended JSON. An object of a sender's that has a key with ``$``
    might be taken for such a date: it is ``{"$object": [[key, value], …]}``.
    """
    return json.dumps(_extended(value), ensure_ascii=False)


def _extended(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$date": value.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    if isinstance(value, dict):
        below = {key: _extended(item) for key, item in value.items()}
        return {"$object": list(below.items())} if any(key.startswith("$") for key in below) else below
    return [_extended(item) for item in value] if isinstance(value, list) else value


def read_extended_json(text: bytes) -> Any:
    """Read what :func:`write_extended_json` wrote.

    Raises:
        ValueError: it did not.
    """
    try:
        return json.loads(text, object_hook=_special)
    except (TypeError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None


def _special(value: dict[str, Any]) -> Any:
    if value.keys() == {"$date"}:
        return datetime.fromisoformat(value["$date"]).astimezone(UTC)
    return dict(value["$object"]) if value.keys() == {"$object"} else value

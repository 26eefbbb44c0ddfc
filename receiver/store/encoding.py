"""Documents as BSON, encoded once: for their size, and to find out early what BSON cannot hold."""

from typing import Any

import bson
from bson import json_util
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


# Dates as {"$date": "…Z"}, numbers as numbers: what mongoexport writes and mongoimport reads.
RELAXED = json_util.RELAXED_JSON_OPTIONS.with_options(tz_aware=True)


def write_extended_json(value: Any) -> str:
    """Write a value as MongoDB's extended JSON, on one line."""
    return json_util.dumps(value, json_options=RELAXED, ensure_ascii=False)


def read_extended_json(text: bytes) -> Any:
    """Read MongoDB's extended JSON.

    Raises:
        ValueError: it is not.
    """
    try:
        return json_util.loads(text.decode(), json_options=RELAXED)
    except (TypeError, BSONError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None

"""Values as facts have them: typed, short, None where the sender's cannot be read as that."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

LONGEST_TEXT = 1000
MOST_MILLISECONDS = 1e12  # thirty years
LONGEST_URI = 4000  # urlsplit remembers what it was given


def text(value: Any) -> str | None:
    """Return a text, cut to :data:`LONGEST_TEXT` characters; a number as one; None for anything else."""
    if type(value) is str:
        return value[:LONGEST_TEXT]
    # A document that was read back has BSON's own integers, which are a kind of int.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(value: Any) -> int | None:
    """Return an integer, from a string of one too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return int(value) if type(value) is str and value.isascii() and value.isdecimal() and len(value) < 18 else None


def milliseconds(value: Any) -> float | None:
    """Return milliseconds as a double: Telescope writes ``"12.34"``, ``150``, ``150.5`` or null, in one column."""
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return None
    try:
        number = float(value.replace(",", "")) if type(value) is str else float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number <= MOST_MILLISECONDS else None


def path_of(uri: Any) -> str | None:
    """Return the path of a URI, without its query."""
    if type(uri) is not str:
        return None
    try:
        return urlsplit(uri[:LONGEST_URI]).path[:LONGEST_TEXT] or "/"
    except ValueError:
        return uri[:LONGEST_URI].split("?")[0][:LONGEST_TEXT]


def host_of(uri: Any) -> str | None:
    """Return the host of a URI, with its port, without user and password."""
    if type(uri) is not str:
        return None
    try:
        return text(urlsplit(uri[:LONGEST_URI]).netloc.rpartition("@")[2])
    except ValueError:
        return None


def parts_of(key: Any, count: int) -> list[Any]:
    """Read Pulse's key: a JSON string of a list, a list, or one plain value; filled up with None."""
    if type(key) is str and key.startswith("["):
        with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
            key = msgspec.json.decode(key)
    parts = key if type(key) is list else [key]
    return (parts + [None] * count)[:count]

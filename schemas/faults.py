"""marshmallow's nested messages, flattened to one path a fault."""

import re
from collections.abc import Iterator
from typing import Any

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
LONGEST_PATH = 200


def flatten(errors: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Flatten the messages of a ``ValidationError``; the values at fault are not in them.

    Yields:
        ``("telescope.recent_entries_data.3.type", ["Not a valid string."])``; a path holds what UTF-8 can write.
    """
    if not isinstance(errors, dict):
        yield LONE_SURROGATE.sub("\ufffd", path)[:LONGEST_PATH], [str(message) for message in errors]
        return
    for key, below in errors.items():
        # marshmallow's names for "the object itself" and "the value under that key" are not steps of the path.
        is_ours = key in ("_schema", "value", "key") and not isinstance(below, dict) and path
        step = "" if is_ours else str(key)
        yield from flatten(below, f"{path}.{step}" if path and step else path or step)

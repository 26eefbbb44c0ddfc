"""What BSON cannot hold, made so that it can: NUL in keys, integers beyond 64 bits, lone surrogates, deep nesting.

This walks the whole document, in Python; it runs only for a document that BSON has refused, or that nests deeply.
"""

import json
import re
from typing import Any

from schemas.fields import INT64_MAX

DEEPEST_LEVEL = 100  # BSON stops at 180
VISIBLE_NUL = "\u2400"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
MOST_NOTES = 200
LONGEST_PATH = 200

Note = dict[str, str]


class Repair:
    """One walk over a document; afterwards ``notes`` tells what was changed and where.

    Attributes:
        notes: ``{"path": "telescope.recent_entries_data.3.content", "fault": "nul_in_key"}``, at most
            :data:`MOST_NOTES` of them; the last one then says how many there were besides.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._notes: list[Note] = []
        self._more = 0
        self.document = self._map(document, "", 1)

    @property
    def notes(self) -> list[Note]:
        """What was changed, where."""
        more = [{"path": "", "fault": f"{self._more} more"}] if self._more else []
        return self._notes + more

    def _note(self, path: str, fault: str) -> None:
        if len(self._notes) < MOST_NOTES:
            self._notes.append({"path": path[:LONGEST_PATH], "fault": fault})
        else:
            self._more += 1

    def _value(self, value: Any, path: str, level: int) -> Any:
        if isinstance(value, dict | list) and level > DEEPEST_LEVEL:
            self._note(path, "folded_to_json")
            return json.dumps(value, separators=(",", ":"))
        if isinstance(value, dict):
            return self._map(value, path, level)
        if isinstance(value, list):
            return [self._value(item, f"{path}.{i}", level + 1) for i, item in enumerate(value)]
        if type(value) is str:
            return self._text(value, path)
        if type(value) is int and not -INT64_MAX - 1 <= value <= INT64_MAX:
            self._note(path, "integer_beyond_64_bits")
            return str(value)
        return value

    def _map(self, value: dict[str, Any], path: str, level: int) -> dict[str, Any]:
        whole = {}
        for key, item in value.items():
            good = self._key(key, path)
            while good != key and (good in value or good in whole):
                good += "_"
            whole[good] = self._value(item, f"{path}.{good}" if path else good, level + 1)
        return whole

    def _key(self, key: str, path: str) -> str:
        if "\0" in key:
            self._note(path, "nul_in_key")
            key = key.replace("\0", VISIBLE_NUL)
        return self._text(key, path)

    def _text(self, text: str, path: str) -> str:
        if not LONE_SURROGATE.search(text):
            return text
        self._note(path, "lone_surrogate")
        return LONE_SURROGATE.sub("\ufffd", text)

"""What BSON cannot hold, made so that it can: NUL in keys, integers beyond 64 bits, lone surrogates, deep nesting.

This walks the whole document, in Python; it runs only for a document that BSON has refused, or that nests deeply.
"""

import json
import re
from collections import Counter
from typing import Any

from receiver.intake.notes import Notes, Trail
from schemas.fields import INT64_MAX

DEEPEST_LEVEL = 100  # BSON stops at 180
VISIBLE_NUL = "\u2400"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def repair(document: dict[str, Any]) -> tuple[dict[str, Any], Notes]:
    """Copy a document into a form that BSON can hold.

    Returns:
        The copy, and notes on what was done: ``nul_in_key``, ``integer_beyond_64_bits``, ``lone_surrogate``,
        ``folded_to_json``.
    """
    walk = _Repair()
    return walk.map(document), walk.notes


class _Repair:
    def __init__(self) -> None:
        self.notes = Notes("fault")
        self._trail: Trail = []

    def map(self, value: dict[str, Any]) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        clashes: Counter[str] = Counter()
        for key, item in value.items():
            good = name = self._key(key)
            while name != key and (name in value or name in whole):
                clashes[good] += 1
                name = f"{good}_{clashes[good]}"
            whole[name] = self._below(name, item)
        return whole

    def _below(self, step: str | int, value: Any) -> Any:
        self._trail.append(step)
        good = self._value(value)
        self._trail.pop()
        return good

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict | list) and len(self._trail) >= DEEPEST_LEVEL:
            self.notes.add(self._trail, "folded_to_json")
            return json.dumps(value, separators=(",", ":"))
        if isinstance(value, dict):
            return self.map(value)
        if isinstance(value, list):
            return [self._below(number, item) for number, item in enumerate(value)]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and not -INT64_MAX - 1 <= value <= INT64_MAX:
            self.notes.add(self._trail, "integer_beyond_64_bits")
            return str(value)
        return value

    def _key(self, key: str) -> str:
        if "\0" in key:
            self.notes.add(self._trail, "nul_in_key")
            key = key.replace("\0", VISIBLE_NUL)
        return self._text(key)

    def _text(self, text: str) -> str:
        if not LONE_SURROGATE.search(text):
            return text
        self.notes.add(self._trail, "lone_surrogate")
        return LONE_SURROGATE.sub("\ufffd", text)

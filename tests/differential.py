"""Is everything that was sent still there, or listed in the receipt? Told independently of what intake does."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.int64 import Int64

OURS = ("_id", "received_at", "receipt", "sent")
SURROGATE = re.compile("[\ud800-\udfff]")


class Differences:
    """Compares a snapshot as sent with its stored document.

    Args:
        sent: the JSON value.
        stored: the document.
    """

    def __init__(self, sent: dict[str, Any], stored: dict[str, Any]) -> None:
        self.found: list[str] = []
        self._receipt = stored["receipt"]
        self._redacted = {note["path"] for note in self._receipt["redacted"]}
        self._trimmed = {note["path"] for note in self._receipt["trimmed"]}
        self._faults = {note["fault"] for note in self._receipt["repaired"]}
        self._root(sent, stored)

    def _root(self, sent: dict[str, Any], stored: dict[str, Any]) -> None:
        kept = stored.get("sent", {})
        for key, value in sent.items():
            if key in ("telescope", "pulse"):
                self._section(key, {} if value == [] else value, stored[key])
            elif key in OURS:
                self._compare([key], value, kept.get(self._key(key)))
            elif key == "system":
                self._compare([key], value, kept.get("system", stored["system"]))
            elif key == "timestamp":
                if abs(_utc(value) - stored["timestamp"]) > timedelta(milliseconds=1):
                    self.found.append("timestamp")
            else:
                self._compare([key], {} if key == "server_info" and value == [] else value, stored.get(self._key(key)))

    def _section(self, source: str, sent: dict[str, Any], stored: dict[str, Any]) -> None:
        for key, value in sent.items():
            if key == "recent_entries_data" and value is not None:
                if len(value) != len(stored[key]):
                    self.found.append(f"{source}.{key}: length")
                for number, (row, entry) in enumerate(zip(value, stored[key], strict=False)):
                    self._entry([source, key, number], {} if row == [] else row, entry)
            else:
                whole = {} if key == "entry_types" and value == [] else value
                self._compare([source, key], whole, stored.get(self._key(key)))

    def _entry(self, path: list[Any], sent: dict[str, Any], stored: dict[str, Any]) -> None:
        kept = stored.get("sent", {})
        for key, value in sent.items():
            if key in ("sent", "entry_id") or (key == "created_at" and value is not None):
                self._compare([*path, "sent", key], value, kept.get(key))
            elif key == "type":
                self._compare([*path, key], value, kept.get("type", stored.get("type")))
            elif key == "created_at":
                continue
            elif key == "content":
                self._content([*path, key], value, stored.get("content"))
            else:
                self._compare([*path, key], value, stored.get(self._key(key)))

    def _content(self, path: list[Any], sent: Any, stored: Any) -> None:
        if isinstance(sent, str) and isinstance(stored, dict | list):
            sent = json.loads(sent)
        self._compare(path, {} if sent == [] else sent, stored)

    def _compare(self, path: list[Any], sent: Any, stored: Any) -> None:
        if isinstance(stored, Int64):
            stored = int(stored)
        if "folded_to_json" in self._faults and isinstance(sent, dict | list) and isinstance(stored, str):
            stored = _loads(stored)
        if self._is_explained(path, sent, stored):
            return
        if isinstance(sent, dict) and isinstance(stored, dict):
            self._compare_maps(path, sent, stored)
        elif isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
            for number, (mine, theirs) in enumerate(zip(sent, stored, strict=True)):
                self._compare([*path, number], mine, theirs)
        elif type(sent) is not type(stored) or sent != stored:
            self.found.append(f"{'.'.join(map(str, path))}: {str(sent)[:80]!r} is {str(stored)[:80]!r}")

    def _compare_maps(self, path: list[Any], sent: dict[str, Any], stored: dict[str, Any]) -> None:
        names = {self._key(key): value for key, value in sent.items()}
        if len(names) < len(sent):  # two keys that were repaired to the same: then one has a longer name
            if len(stored) != len(sent):
                self.found.append(f"{path}: keys were lost")
            return
        for key, value in names.items():
            self._compare([*path, key], value, stored.get(key))

    def _is_explained(self, path: list[Any], sent: Any, stored: Any) -> bool:
        plain = ".".join(step[:200] for step in path[:100] if isinstance(step, str))[:200]
        if isinstance(stored, str) and "[redacted]" in stored and (plain in self._redacted or "" in self._redacted):
            return True
        if isinstance(stored, dict) and set(stored) == {"trimmed_bytes"} and ".".join(map(str, path)) in self._trimmed:
            return True
        if "integer_beyond_64_bits" in self._faults and isinstance(sent, int) and stored == str(sent):
            return True
        is_repaired = "lone_surrogate" in self._faults and isinstance(sent, str)
        return is_repaired and stored == SURROGATE.sub("\ufffd", sent)

    def _key(self, key: str) -> str:
        if "nul_in_key" in self._faults:
            key = key.replace("\0", "␀")
        return SURROGATE.sub("\ufffd", key) if "lone_surrogate" in self._faults else key


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None

"""Odd snapshots made of real ones: mutated in their values, keys, structure and bytes."""

import copy
import gzip
import json
import random
from typing import Any

from tests.support import SAMPLES

BASES: list[dict[str, Any]] = [
    json.loads(line)
    for path in sorted(SAMPLES.iterdir())
    for line in (path.read_text(encoding="utf-8").splitlines()[:3] if path.suffix == ".ndjson" else [path.read_bytes()])
]

SCALARS: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 0.0, -0.5, 1e308, 5e-324,
    "", " ", "x", "0", "12.34", "-1", "[]", "{}", "null", "true", '{"a": {"b": "c"}}', '["GET","/x","C@m"]', "[broken",
    '{"broken', "\0", "\ud800", "a\udfffb", "é☕𝄞", "$set", "a.b", "<script>alert(1)</script>", "x" * 5000,
    "2025-09-14T19:48:49Z", "2025-09-14 19:48:49", "2026-11-22 14:08:10", "0000-00-00 00:00:00",
    "9999-12-31T23:59:59-14:00", "2024-02-30", "http://[", "https://host:99999/api/monitoring?x", "/api/monitoring",
    [], {}, [[]], [None], {"": {}},
]  # fmt: skip
KEYS = [
    "", "$", "$where", "a.b", ".", "\0", "\0*\0p", "\ud800", "é", "_id", "id", "__proto__", "type", "content",
    "created_at", "timestamp", "batch_id", "stack_trace", "sent", "entry_id", "receipt", "received_at", "snapshot_id",
    "password", "Set-Cookie", "trace", "class", "uri", "key", "value", "status", "system", "41", "x" * 300,
]  # fmt: skip


def mutated(seed: int) -> bytes:
    """Return the body of the case with that number."""
    chance = random.Random(seed)
    payload = copy.deepcopy(chance.choice(BASES))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8, 30))):
        _mutate(chance, payload)
    body = json.dumps(payload, ensure_ascii=chance.random() < 0.9, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    return _damaged(chance, body) if chance.random() < 0.1 else body


def _mutate(chance: random.Random, payload: dict[str, Any]) -> None:
    holder = _somewhere(chance, payload)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    kind = chance.choice(("value", "value", "delete", "insert", "copy", "wrap", "stringify", "rename"))
    if kind == "insert" or not keys:
        _insert(chance, holder)
    elif kind == "delete":
        del holder[chance.choice(keys)]
    elif kind == "rename" and isinstance(holder, dict):
        holder[chance.choice(KEYS)] = holder.pop(chance.choice(keys))
    else:
        key = chance.choice(keys)
        holder[key] = _replacement(chance, kind, holder[key], payload)


def _replacement(chance: random.Random, kind: str, value: Any, payload: dict[str, Any]) -> Any:
    if kind == "copy":
        return copy.deepcopy(_somewhere(chance, payload))
    if kind == "stringify":
        return json.dumps(value)
    if kind == "wrap":
        for _ in range(chance.choice((1, 3, 60, 120))):
            value = chance.choice(([value], {"w": value}))
        return value
    return copy.deepcopy(chance.choice(SCALARS))


def _insert(chance: random.Random, holder: Any) -> None:
    value = copy.deepcopy(chance.choice(SCALARS))
    if isinstance(holder, dict):
        holder[chance.choice(KEYS)] = value
    else:
        holder.insert(chance.randint(0, len(holder)), value)


def _somewhere(chance: random.Random, value: Any) -> Any:
    """Return a container: the root, or by steps of chance one below it."""
    while chance.random() < 0.8:
        below = [
            item for item in (value.values() if isinstance(value, dict) else value) if isinstance(item, dict | list)
        ]
        if not below:
            break
        value = chance.choice(below)
    return value


def _damaged(chance: random.Random, body: bytes) -> bytes:
    """Damage the bytes: cut, flipped, filled in, compressed without saying so."""
    place = chance.randrange(len(body) + 1)
    return chance.choice(
        (
            body[:place],
            body[:place] + bytes([chance.randrange(256)]) + body[place + 1 :],
            body[:place] + chance.choice((b"NaN", b"\xff", b"\0", b"1e999", b"[" * 600, b"1" * 5000)) + body[place:],
            body + b"}",
            gzip.compress(body),
            b"",
        )
    )

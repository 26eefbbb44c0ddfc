"""Secrets in contents: found by the key they stand under, or because they are the token that was just used.

Source: DESIGN.md, section 3, facts 12 and 13.
"""

import fnmatch
import re
from collections.abc import Container, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from receiver.intake.notes import Notes, Trail

MARK = "[redacted]"
# A secret inside a text: ``"password": "…"`` and ``?password=…``.
JSON_PAIR = re.compile(r'(?P<before>"(?P<key>[^"\\]{1,100})"\s*:\s*")(?!\[redacted\])(?:[^"\\]|\\.)+(?P<after>"?)')
QUERY_PAIR = re.compile(r"(?P<before>[?&](?P<key>[^=&#?\s]{1,100})=)(?!\[redacted\])[^&#\s\"']+(?P<after>)")
# A token of a few letters stands in half the words there are; it is then known by its key only.
SHORTEST_SECRET = 12
MOST_KEYS_REMEMBERED = 10_000
LONGEST_KEY_REMEMBERED = 100


class Redaction:
    """What counts as a secret.

    Args:
        patterns: of keys, with ``*``; letter case, ``-`` and ``_`` make no difference.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        alternatives = [fnmatch.translate(_plain(pattern)) for pattern in patterns]
        self._pattern = re.compile("|".join(alternatives) or r"(?!)")
        self._verdicts: dict[str, bool] = {}

    def is_secret(self, key: str) -> bool:
        """Tell whether what stands under a key is a secret."""
        if len(key) > LONGEST_KEY_REMEMBERED:
            return self._pattern.match(_plain(key)) is not None
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= MOST_KEYS_REMEMBERED:  # keys are the sender's to choose
                self._verdicts.clear()
            verdict = self._verdicts[key] = self._pattern.match(_plain(key)) is not None
        return verdict

    def redact(self, value: Any, trail: Trail, notes: Notes, spare: Container[str] = ()) -> None:
        """Replace secrets in place, at any depth.

        Args:
            value: a container.
            trail: how to get there.
            notes: get the place of each.
            spare: keys of the container itself that are left alone: they are ours.
        """
        for key, item in list(value.items()) if type(value) is dict else enumerate(value):
            if key in spare:
                continue
            if type(key) is str and self.is_secret(key):
                if _is_worth_hiding(key, item):
                    value[key] = MARK
                    notes.add([*trail, key])
            elif type(item) is dict or type(item) is list:
                trail.append(key)
                self.redact(item, trail, notes)
                trail.pop()
            elif type(item) is str and _may_hold_pairs(item):
                clean = self._redact_pairs(item)
                if clean != item:
                    value[key] = clean
                    notes.add([*trail, *([key] if type(key) is str else [])])

    def _redact_pairs(self, text: str) -> str:
        """Replace secrets in a text that is JSON, or looks like it, or has a query string."""

        def hide(match: re.Match[str]) -> str:
            return f"{match['before']}{MARK}{match['after']}" if self.is_secret(match["key"]) else match[0]

        return QUERY_PAIR.sub(hide, JSON_PAIR.sub(hide, text))


def _may_hold_pairs(text: str) -> bool:
    return text.lstrip(" \ufeff")[:1] in ("{", "[") or ("=" in text and ("?" in text or "&" in text))


def _plain(key: str) -> str:
    return key.lower().replace("-", "_")


def _is_worth_hiding(key: str, value: Any) -> bool:
    """Tell a secret from nothing, a flag, a number of tokens, and from what Telescope has masked itself."""
    if type(value) is str:
        return value.strip("*") != "" and value != MARK
    if type(value) in (int, float):
        return "token" not in key.lower()
    return type(value) is not bool and value is not None and value != [] and value != {}


def spellings(secret: str) -> tuple[str, ...]:
    """List how a secret may be written: percent-encoded, or in JSON in JSON, where PHP writes ``/`` as ``\\/``."""
    escaped = (secret.replace("/", "\\" * count + "/") for count in (0, 1, 3, 7))
    return tuple(dict.fromkeys((*escaped, quote(secret, safe=""))))


def secret_in(body: bytes, secret: str) -> str | None:
    """Return the secret if it stands somewhere in a body; None where there is nothing to look for."""
    if len(secret) < SHORTEST_SECRET:
        return None
    return secret if any(spelling.encode() in body for spelling in spellings(secret)) else None


def conceal(value: Any, secrets: Sequence[str], trail: Trail, notes: Notes) -> Any:
    """Return a value without a secret that may stand anywhere in its strings and keys; lists are changed in place.

    Args:
        value: of any kind.
        secrets: its :func:`spellings`.
        trail: how to get there.
        notes: get the place of each.
    """
    if type(value) is str:
        clean = _without(value, secrets)
        if clean != value:
            notes.add(trail)
        return clean
    if type(value) is dict:
        names = {key: _without(key, secrets) for key in value}
        for key, name in names.items():
            if name != key:
                notes.add([*trail, name])
        return {names[key]: _conceal_below(item, names[key], secrets, trail, notes) for key, item in value.items()}
    if type(value) is list:
        value[:] = [_conceal_below(item, number, secrets, trail, notes) for number, item in enumerate(value)]
    return value


def _conceal_below(value: Any, step: str | int, secrets: Sequence[str], trail: Trail, notes: Notes) -> Any:
    trail.append(step)
    clean = conceal(value, secrets, trail, notes)
    trail.pop()
    return clean


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MARK)
    return text

"""Secrets in contents: found by the key they stand under, or because they are the token that was just used.

Source: DESIGN.md, section 3, facts 12 and 13.
"""

import fnmatch
import re
from collections.abc import Iterable
from typing import Any

from receiver.intake.notes import Notes, Trail

MARK = "[redacted]"
# A token of a few letters stands in half the words there are; it is then known by its key only.
SHORTEST_SECRET = 12
MOST_KEYS_REMEMBERED = 10_000


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
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= MOST_KEYS_REMEMBERED:  # keys are the sender's to choose
                self._verdicts.clear()
            verdict = self._verdicts[key] = self._pattern.match(_plain(key)) is not None
        return verdict

    def redact(self, value: Any, trail: Trail, notes: Notes) -> None:
        """Replace secrets in place, at any depth.

        Args:
            value: a container.
            trail: how to get there.
            notes: get the place of each.
        """
        for key, item in list(value.items()) if type(value) is dict else enumerate(value):
            if type(key) is str and self.is_secret(key):
                if _is_worth_hiding(item):
                    value[key] = MARK
                    notes.add([*trail, key])
            elif type(item) is dict or type(item) is list:
                trail.append(key)
                self.redact(item, trail, notes)
                trail.pop()


def _plain(key: str) -> str:
    return key.lower().replace("-", "_")


def _is_worth_hiding(value: Any) -> bool:
    """Tell a secret from nothing, from a flag, and from what Telescope has masked itself."""
    if type(value) is str:
        return value.strip("*") != ""
    return type(value) is not bool and value is not None and value != [] and value != {}


def spellings(secret: str) -> tuple[str, ...]:
    """List how a secret may be written in JSON: PHP writes ``/`` as ``\\/``."""
    return tuple(dict.fromkeys((secret, secret.replace("/", "\\/"))))


def secret_in(body: bytes, secret: str) -> str | None:
    """Return the secret if it stands somewhere in a body; None where there is nothing to look for."""
    if len(secret) < SHORTEST_SECRET:
        return None
    return secret if any(spelling.encode() in body for spelling in spellings(secret)) else None


def conceal(value: Any, secret: str, trail: Trail, notes: Notes) -> Any:
    """Return a value without a secret that may stand anywhere in its strings; containers are changed in place."""
    if type(value) is str:
        if secret not in value and "\\/" not in value:
            return value
        clean = value
        for spelling in spellings(secret):
            clean = clean.replace(spelling, MARK)
        if clean != value:
            notes.add(trail)
        return clean
    if type(value) is dict or type(value) is list:
        for key, item in value.items() if type(value) is dict else enumerate(value):
            trail.append(key)
            value[key] = conceal(item, secret, trail, notes)
            trail.pop()
    return value

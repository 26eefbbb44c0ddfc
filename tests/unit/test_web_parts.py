"""Tokens and bodies, apart from HTTP."""

import gzip
import hashlib
import zlib

import pytest

from receiver.errors import Refusal
from receiver.settings import Token
from receiver.web.access import allowed_system
from receiver.web.body import inflate

LIMIT = 10_000


def refusal(body: bytes) -> tuple[str, str]:
    """Return code and message of the refusal of a gzip body."""
    with pytest.raises(Refusal) as caught:
        inflate(body, LIMIT)
    return str(caught.value.code), caught.value.message


def test_gzip_is_inflated() -> None:
    assert inflate(gzip.compress(b"x" * LIMIT), LIMIT) == b"x" * LIMIT


def test_a_bomb_is_refused() -> None:
    code, message = refusal(gzip.compress(b"x" * 1_000_000))
    assert (code, message) == ("PAYLOAD_TOO_LARGE", "The body inflates to more than 10000 bytes")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b'{"plain": "json"}',
        gzip.compress(b"x" * 99)[:-1],
        zlib.compress(b"x"),
        gzip.compress(b"x") + b"rest",
    ],
)
def test_what_is_not_whole_gzip_is_refused(body: bytes) -> None:
    assert refusal(body)[0] == "INVALID_DATA"


def token(system: str | None = None, systems: frozenset[str] | None = None) -> Token:
    """Return an ingest token."""
    return Token("t", hashlib.sha256(b"t").hexdigest(), frozenset({"ingest"}), system, systems)


@pytest.mark.parametrize(
    ("of", "body", "system"),
    [
        (token(), "a", "a"),
        (token(system="b"), "a", "b"),
        (token(systems=frozenset({"a"})), "a", "a"),
        (token(system="b", systems=frozenset({"b"})), "a", "b"),
    ],
)
def test_the_tokens_system_wins_over_the_bodys(of: Token, body: str, system: str) -> None:
    assert allowed_system(of, body) == system


def test_a_token_may_be_kept_to_some_systems() -> None:
    with pytest.raises(Refusal, match="may not post for this system"):
        allowed_system(token(systems=frozenset({"a"})), "b")

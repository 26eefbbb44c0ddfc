"""From bytes to a JSON object."""

import json

import pytest

from receiver.errors import ErrorCode, Refusal
from receiver.intake.decode import MAX_DEPTH, decode, depth


def nested(levels: int) -> bytes:
    """Return an object that nests so many levels."""
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": 123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a": -9223372036854775809}', {"a": -9223372036854775809}),
        (b'{"\\u0000*\\u0000p": 1}', {"\0*\0p": 1}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
        (b'{"\\ud800": 1.5}', {"\ud800": 1.5}),
        ('{"é": "☕"}'.encode(), {"é": "☕"}),
    ],
)
def test_what_is_json_is_taken(body: bytes, value: object) -> None:
    assert decode(body)[0] == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is not valid JSON (line 1, column 1)"),
        (b'{"a": 1', "The body is not valid JSON (line 1, column 8)"),
        (b'{\n"a": }', "The body is not valid JSON (line 2, column 6)"),
        (b'\xef\xbb\xbf{"a": 1}', "The body is not valid JSON (line 1, column 1)"),
        (b'{"a": NaN}', "The body is not valid JSON: NaN is not a JSON number"),
        (b'{"a": -Infinity}', "The body is not valid JSON: -Infinity is not a JSON number"),
        (b'{"a": 1e999}', "A number is too large for a double"),
        (b'{"a": ' + b"1" * 5000 + b"}", "A number has more than 4300 digits"),
        (b'{"a": "\xff"}', "The body is not valid UTF-8 (byte 7)"),
        (b'{"a": "\xed\xa0\x80"}', "The body is not valid UTF-8 (byte 7)"),
        ('{"a": 1}'.encode("utf-16"), "The body is not valid UTF-8 (byte 0)"),
        (b"[]", "The body must be a JSON object"),
        (b"null", "The body must be a JSON object"),
        (nested(MAX_DEPTH + 1), f"The body nests deeper than {MAX_DEPTH} levels"),
        (nested(100_000), f"The body nests deeper than {MAX_DEPTH} levels"),
        (b"[" * 100_000, f"The body nests deeper than {MAX_DEPTH} levels"),
    ],
)
def test_what_is_not_is_refused_with_its_place(body: bytes, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        decode(body)
    assert (caught.value.code, caught.value.message) == (ErrorCode.INVALID_DATA, message)


def test_the_deepest_body_is_taken() -> None:
    value, levels = decode(nested(MAX_DEPTH))
    assert levels == MAX_DEPTH
    assert json.dumps(value, separators=(",", ":")).encode() == nested(MAX_DEPTH)


@pytest.mark.parametrize(
    ("value", "levels"),
    [(1, 0), ("{", 0), ([], 1), ({}, 1), ({"a": 1}, 1), ([1, [{}]], 3), ({"a": [], "b": {"c": [0]}}, 3)],
)
def test_depth_counts_containers(value: object, levels: int) -> None:
    assert depth(value, 10) == levels


def test_depth_stops_counting_past_the_limit() -> None:
    assert depth([[[[[]]]]], 2) == 3

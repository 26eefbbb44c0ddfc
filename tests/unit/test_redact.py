"""Secrets by key, at any depth and in any letter case; and the token itself, wherever it stands."""

from typing import Any

import pytest

from receiver.intake.notes import Notes
from receiver.intake.redact import LONGEST_KEY_REMEMBERED, MARK, Redaction, conceal, secret_in, spellings
from schemas.settings import REDACT_KEYS

REDACTION = Redaction(REDACT_KEYS)
SECRET = "a/long+secret/token"


SECRET_KEYS = [
    "password",
    "PASSWORD",
    "current_password",
    "Password_Confirmation",
    "token",
    "_token",
    "X-API-Token",
    "remember-token",
    "Set-Cookie",
    "cookie",
    "Authorization",
    "proxy-authorization",
    "client_secret",
    "api_key",
    "apiKey",
    "API-KEY",
    "aws_secret_access_key",
    "stripe_api_key",
    "card_number",
    "cvv",
]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_these_keys_hold_secrets(key: str) -> None:
    assert REDACTION.is_secret(key)


@pytest.mark.parametrize(
    "key", ["user", "path", "authorized", "author", "cookies_enabled", "keyboard", "sql", "", "passage"]
)
def test_these_do_not(key: str) -> None:
    assert not REDACTION.is_secret(key)


def test_secrets_are_replaced_at_any_depth_and_noted_by_place() -> None:
    rows = [{"content": {"headers": {"Cookie": ["a=b"], "accept": "x"}, "payload": [{"user": {"password": "p"}}]}}] * 3
    rows = [{"content": {"headers": {"Cookie": ["a"], "x": 1}, "payload": [{"user": {"password": 9}}]}} for _ in rows]
    notes = Notes()
    REDACTION.redact(rows, ["telescope"], notes)
    for row in rows:
        assert row["content"] == {"headers": {"Cookie": MARK, "x": 1}, "payload": [{"user": {"password": MARK}}]}
    assert notes.listed() == [
        {"path": "telescope.content.headers.Cookie", "count": 3},
        {"path": "telescope.content.payload.user.password", "count": 3},
    ]


@pytest.mark.parametrize("value", [None, True, False, "", "********", [], {}])
def test_what_is_no_secret_stays(value: object) -> None:
    row: dict[str, Any] = {"password": value}
    notes = Notes()
    REDACTION.redact(row, [], notes)
    assert (row, notes.listed()) == ({"password": value}, [])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"password": "p", "name": "n"}', f'{{"password": "{MARK}", "name": "n"}}'),
        ('{"broken": 1, "api_key":"a\\"b', f'{{"broken": 1, "api_key":"{MARK}'),
        ('[{"n": NaN, "token": "t"}]', f'[{{"n": NaN, "token": "{MARK}"}}]'),
        ("/reset?email=a&token=abc#top", f"/reset?email=a&token={MARK}#top"),
        ("https://h/x?password=p", f"https://h/x?password={MARK}"),
        ("select * from users where password = 'x' and id = ?", "select * from users where password = 'x' and id = ?"),
        ("a password: p", "a password: p"),
        ("[]", "[]"),
    ],
)
def test_secrets_inside_texts(text: str, clean: str) -> None:
    row = {"a": text, "b": [text]}
    notes = Notes()
    REDACTION.redact(row, [], notes)
    assert row == {"a": clean, "b": [clean]}
    assert len(notes.listed()) == (0 if text == clean else 2)
    REDACTION.redact(row, [], again := Notes())
    assert again.listed() == []


def test_numbers_of_tokens_are_not_secrets() -> None:
    row = {"tokens_count": 5, "max_tokens": 1.5, "pin_password": 1234}
    REDACTION.redact(row, [], Notes())
    assert row == {"tokens_count": 5, "max_tokens": 1.5, "pin_password": MARK}


def test_what_is_ours_is_spared_at_the_top_only() -> None:
    row = {"entry_id": "x", "content": {"entry_id": "y"}}
    Redaction(["*_id"]).redact(row, [], Notes(), spare={"entry_id"})
    assert row == {"entry_id": "x", "content": {"entry_id": MARK}}


def test_a_long_key_is_judged_but_not_remembered() -> None:
    redaction = Redaction(["*password*"])
    assert redaction.is_secret("x" * LONGEST_KEY_REMEMBERED + "password")
    assert redaction._verdicts == {}


def test_the_list_can_be_another() -> None:
    redaction = Redaction(["n?k", "*-geheim"])
    assert [redaction.is_secret(key) for key in ("NIK", "sehr_geheim", "password")] == [True, True, False]
    assert not Redaction([]).is_secret("password")


def test_a_secret_is_found_in_any_string() -> None:
    escaped = SECRET.replace("/", "\\/")
    row: dict[str, Any] = {
        "log": f"sent {SECRET} twice {SECRET}",
        "nested": [{"raw": f'{{"X-API-Token":"{escaped}"}}'}],
        "other": "a\\/b",
        "n": 5,
        f"key {SECRET}": {"query": "/x?t=a%2Flong%2Bsecret%2Ftoken"},
    }
    notes = Notes()
    row = conceal(row, spellings(SECRET), ["pulse"], notes)
    assert row == {
        "log": f"sent {MARK} twice {MARK}",
        "nested": [{"raw": f'{{"X-API-Token":"{MARK}"}}'}],
        "other": "a\\/b",
        "n": 5,
        f"key {MARK}": {"query": f"/x?t={MARK}"},
    }
    paths = [f"pulse.key {MARK}", "pulse.log", "pulse.nested.raw", f"pulse.key {MARK}.query"]
    assert notes.listed() == [{"path": path, "count": 1} for path in paths]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"...a/long+secret/token...", True),
        (b"...a\\/long+secret\\/token...", True),
        (b"...a\\\\\\/long+secret\\\\\\/token...", True),
        (b"...a%2Flong%2Bsecret%2Ftoken...", True),
        (b"a/long+secret", False),
    ],
)
def test_a_body_is_searched_for_the_token_first(body: bytes, found: bool) -> None:
    assert (secret_in(body, SECRET) is not None) is found


def test_a_token_that_is_a_word_is_not_searched_for() -> None:
    assert secret_in(b"a test of the tests", "test") is None

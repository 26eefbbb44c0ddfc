"""The contract of ``POST /api/monitoring``, case by case, over a real server and a real MongoDB.

Source: DESIGN.md, section 2.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from tests.support import TOKEN, Receiver, eventually, payload, sample

MAX_BODY_BYTES = 1_000_000
URL = "/api/monitoring"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
READER, SHOP, PAIR = "a-reader", "a-shop", "a-pair"
DATABASE = "contract"

TOKENS = f"""
[[tokens]]
name = "reader"
sha256 = "{hashlib.sha256(READER.encode()).hexdigest()}"
roles = ["read"]

[[tokens]]
name = "shop"
sha256 = "{hashlib.sha256(SHOP.encode()).hexdigest()}"
roles = ["ingest"]
system = "shop"

[[tokens]]
name = "pair"
sha256 = "{hashlib.sha256(PAIR.encode()).hexdigest()}"
roles = ["ingest"]
systems = ["laravel_app", "other"]
"""


@pytest.fixture(scope="module")
def server(
    mongo_uri: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """One receiver for all cases: they do not depend on what is stored."""
    folder: Path = tmp_path_factory.mktemp("contract")
    (folder / "settings.toml").write_text(TOKENS, encoding="utf-8")
    settings = {
        "RECEIVER_CONFIG": "settings.toml",
        "RECEIVER_MONGODB_URI": mongo_uri,
        "RECEIVER_DATABASE": DATABASE,
        "RECEIVER_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
    }
    with Receiver(folder, **settings) as running:
        yield running
    mongo.drop_database(DATABASE)


@dataclass(frozen=True)
class Case:
    """One request and what must come of it.

    Args:
        name: for the report.
        body: what is posted.
        status, code: expected; no code stands for success.
        message: expected, where the contract words it.
        fields: paths expected in ``errors``.
        headers: instead of the usual ones; an empty value leaves one out.
        method, path: of the request.
    """

    name: str
    body: bytes | dict[str, Any]
    status: int = 200
    code: str | None = None
    message: str | None = None
    fields: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = URL


def nested(levels: int) -> bytes:
    """Return a snapshot with something that nests so many levels in all."""
    return json.dumps(payload()).encode()[:-1] + b', "x": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def text(value: str) -> bytes:
    """Return a snapshot with a JSON value written in by hand."""
    return json.dumps(payload(x="HERE")).replace('"HERE"', value).encode()


GOOD = json.dumps(payload(n="good")).encode()
BIG = json.dumps(payload(x="x" * MAX_BODY_BYTES)).encode()
GZIP = {"content-encoding": "gzip"}
BARE = {"content-type": ""}
NO_TOKEN = {"x-api-token": ""}

CASES = [
    Case("a snapshot", GOOD, message="Data received successfully"),
    Case("the guide's", sample("guide")),
    Case("the guide's curl line", sample("guide-curl")),
    Case("a busy application's", sample("sender-busy")),
    Case("an idle application's", sample("sender-idle")),
    Case("an application's whose database is away", sample("sender-broken")),
    Case("an application's in Jakarta", sample("sender-jakarta")),
    Case("an older sender's, with contents as strings", sample("string-content")),
    Case("PHP's empty maps", payload(telescope=[], pulse=[], server_info=[])),
    Case("the connection test", sample("sender-test"), message="Connection OK"),
    Case("gzip", gzip.compress(GOOD), headers=GZIP),
    Case("gzip, by its other name", gzip.compress(GOOD), headers={"content-encoding": "X-GZip"}),
    Case("a bearer token", GOOD, headers={**NO_TOKEN, "authorization": f"Bearer {TOKEN}"}),
    Case("a content type with a charset", GOOD, headers={"content-type": "application/json; charset=UTF-8"}),
    Case("NUL in a key", text('{"\\u0000*\\u0000p": 1}')),
    Case("an integer beyond 64 bits", text("123456789012345678901234567890")),
    Case("a lone surrogate", text('"\\ud800"')),
    Case("a lone surrogate in a key", text('{"\\udfff": 1}')),
    Case("dots and dollars in keys", payload(**{"a.b": 1, "$c": {"$d": 2}, "": 3})),
    Case("names of ours", payload(_id={"$x": 1}, receipt=1, sent=2, received_at=3)),
    Case("duplicate keys: the last wins", GOOD[:-1] + b', "system": "last"}'),
    Case("nesting as deep as may be", nested(500)),
    Case("no token", GOOD, 401, "MISSING_TOKEN", "X-API-Token header required", headers=NO_TOKEN),
    Case("no token, and no JSON either", b"{", 401, "MISSING_TOKEN", headers={**NO_TOKEN, **BARE}),
    Case(
        "a scheme that is not Bearer", GOOD, 401, "MISSING_TOKEN", headers={**NO_TOKEN, "authorization": "Basic eA=="}
    ),
    Case("an empty bearer token", GOOD, 401, "MISSING_TOKEN", headers={**NO_TOKEN, "authorization": "Bearer"}),
    Case("a wrong token", GOOD, 401, "INVALID_TOKEN", "Invalid API token", headers={"x-api-token": "wrong"}),
    Case("a wrong token, and a body too large", BIG, 401, "INVALID_TOKEN", headers={"x-api-token": "wrong"}),
    Case("a token that may not post", GOOD, 403, "FORBIDDEN", headers={"x-api-token": READER}),
    Case("a token for other systems", payload(system="x"), 403, "FORBIDDEN", headers={"x-api-token": PAIR}),
    Case("a token for this system", payload(system="other"), headers={"x-api-token": PAIR}),
    Case("another method", b"", 405, "METHOD_NOT_ALLOWED", method="GET"),
    Case("another method, with a body", GOOD, 405, "METHOD_NOT_ALLOWED", method="PUT"),
    Case("OPTIONS", b"", 405, "METHOD_NOT_ALLOWED", method="OPTIONS"),
    Case("an unknown path", GOOD, 404, "NOT_FOUND", path="/api/monitor"),
    Case("an unknown path with odd characters", b"", 404, "NOT_FOUND", path="/%00%ff/..%2f", method="GET"),
    Case("another content type", GOOD, 415, "UNSUPPORTED_MEDIA_TYPE", headers={"content-type": "text/plain"}),
    Case("no content type", GOOD, 415, "UNSUPPORTED_MEDIA_TYPE", headers=BARE),
    Case(
        "another charset",
        GOOD,
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        headers={"content-type": "application/json; charset=latin1"},
    ),
    Case("another encoding", GOOD, 415, "UNSUPPORTED_MEDIA_TYPE", headers={"content-encoding": "br"}),
    Case("a body too large", BIG, 413, "PAYLOAD_TOO_LARGE"),
    Case("a gzip body that inflates too far", gzip.compress(BIG), 413, "PAYLOAD_TOO_LARGE", headers=GZIP),
    Case("no gzip", GOOD, 400, "INVALID_DATA", headers=GZIP),
    Case("half a gzip body", gzip.compress(GOOD)[:-9], 400, "INVALID_DATA", headers=GZIP),
    Case("no JSON", b"{", 400, "INVALID_DATA", "The body is not valid JSON (line 1, column 2)"),
    Case("an empty body", b"", 400, "INVALID_DATA"),
    Case("not UTF-8", GOOD[:-1] + b', "x": "\xff"}', 400, "INVALID_DATA"),
    Case("no object", b"[]", 400, "INVALID_DATA", "The body must be a JSON object"),
    Case("NaN", text("NaN"), 400, "INVALID_DATA"),
    Case("Infinity", text("-Infinity"), 400, "INVALID_DATA"),
    Case("nesting too deep", nested(501), 400, "INVALID_DATA"),
    Case("nesting far too deep", nested(100_000), 400, "INVALID_DATA"),
    Case(
        "nothing in it",
        b"{}",
        400,
        "MISSING_FIELDS",
        "Missing required fields: pulse, server_info, system, telescope, timestamp",
        ("pulse", "server_info", "system", "telescope", "timestamp"),
    ),
    Case(
        "two fields missing, one of them null",
        payload(system=..., pulse=None),
        400,
        "MISSING_FIELDS",
        "Missing required fields: pulse, system",
        ("pulse", "system"),
    ),
    Case("a connection test that is none", {"test": "yes"}, 400, "MISSING_FIELDS"),
    Case(
        "a fault deep inside",
        payload(telescope={"recent_entries_data": [{}, {}, {}, {"type": 4}]}),
        400,
        "INVALID_DATA",
        "Invalid data: telescope.recent_entries_data.3.type: Not a valid string.",
        ("telescope.recent_entries_data.3.type",),
    ),
    Case(
        "all faults at once",
        payload(timestamp="1999-12-31", system="", telescope={"total_entries": -1}, pulse="x"),
        400,
        "INVALID_DATA",
        fields=("timestamp", "system", "telescope.total_entries", "pulse"),
    ),
    Case(
        "a fault under a key that JSON cannot write",
        payload(telescope={"entry_types": {"\ud800": -1}}),
        400,
        "INVALID_DATA",
        fields=("telescope.entry_types.\ufffd",),
    ),
]


def send(server: Receiver, case: Case) -> httpx.Response:
    """Send a case's request."""
    headers = {"content-type": "application/json", "x-api-token": TOKEN, **case.headers}
    content = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    return httpx.request(
        case.method,
        server.address + case.path,
        content=content,
        headers={name: value for name, value in headers.items() if value},
        timeout=30,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_contract(server: Receiver, case: Case) -> None:
    response = send(server, case)
    answer = response.json()
    assert (response.status_code, answer.get("error_code")) == (case.status, case.code), answer
    assert response.headers["content-type"] == "application/json"
    assert answer["success"] is (case.code is None)
    assert ISO.fullmatch(answer["timestamp"])
    assert set(case.fields) <= set(answer.get("errors", {}))
    if case.message:
        assert answer["message"] == case.message
    if case.code:
        assert set(answer) <= {"success", "message", "error_code", "timestamp", "errors"}


def test_the_answer_repeats_what_was_sent(server: Receiver) -> None:
    answer = server.post(sample("guide")).json()
    assert ISO.fullmatch(answer.pop("received_at"))
    assert re.fullmatch("[0-9a-f]{32}", answer.pop("snapshot_id"))
    answer.pop("duplicate")
    assert answer == {
        "success": True,
        "message": "Data received successfully",
        "timestamp": "2024-01-15T10:30:00.000000Z",
        "processed": {"telescope_entries": 25, "pulse_entries": 15, "memory_usage": 16777216},
        "queued": False,
    }


def test_the_same_body_again_is_a_duplicate_also_when_it_is_compressed(server: Receiver) -> None:
    body = json.dumps(payload(n="again")).encode()
    answers = [server.post(body), server.post(body), server.post(gzip.compress(body), content_encoding="gzip")]
    assert [answer.json()["duplicate"] for answer in answers] == [False, True, True]
    assert len({answer.json()["snapshot_id"] for answer in answers}) == 1


def test_the_same_body_with_a_token_of_another_system_is_another_snapshot(server: Receiver) -> None:
    body = json.dumps(payload(n="two systems")).encode()
    first, second = server.post(body), server.post(body, x_api_token=SHOP)
    assert (first.json()["duplicate"], second.json()["duplicate"]) == (False, False)


def test_a_method_that_is_not_allowed_names_those_that_are(server: Receiver) -> None:
    assert "POST" in server.get(URL).headers["allow"]


def test_a_chunked_body_is_bounded_like_any_other(server: Receiver) -> None:
    chunks = (b"x" * 65_536 for _ in range(MAX_BODY_BYTES // 65_536 + 2))
    headers = {"content-type": "application/json", "x-api-token": TOKEN}
    answer = httpx.post(server.address + URL, content=chunks, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_chunked_body_is_taken(server: Receiver) -> None:
    headers = {"content-type": "application/json", "x-api-token": TOKEN}
    body = json.dumps(payload(n="chunked")).encode()
    answer = httpx.post(
        server.address + URL, content=(body[i : i + 10] for i in range(0, len(body), 10)), headers=headers
    )
    assert answer.json()["duplicate"] is False


def test_a_declared_body_that_is_too_large_is_answered_before_it_is_sent(server: Receiver) -> None:
    with server.connect() as connection:
        head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nX-API-Token: {TOKEN}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 999999999\r\n\r\n".encode())
        assert b"413" in connection.recv(4096).split(b"\r\n")[0]


def test_no_token_is_answered_before_the_body_is_sent(server: Receiver) -> None:
    with server.connect() as connection:
        connection.sendall(f"POST {URL} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
        assert b"401" in connection.recv(4096).split(b"\r\n")[0]


def test_a_token_in_other_bytes_than_ascii_is_only_wrong(server: Receiver) -> None:
    with server.connect() as connection:
        connection.sendall(f"POST {URL} HTTP/1.1\r\nHost: x\r\nX-API-Token: ".encode() + b"\xff\xfe\r\n\r\n")
        assert b"401" in connection.recv(4096).split(b"\r\n")[0]


ODD_REQUESTS = [
    (f"GET {URL} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 404, "NOT_FOUND"),
    ("GET ?a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "INVALID_DATA"),
    (f"POST http://[{URL} HTTP/1.1\r\nHost: x\r\n\r\n", 400, "INVALID_DATA"),
    (f"POST http://elsewhere{URL} HTTP/1.1\r\nHost: x\r\n\r\n", 401, "MISSING_TOKEN"),
    ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, "NOT_FOUND"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "status", "code"), ODD_REQUESTS, ids=lambda value: str(value)[:20])
def test_odd_requests_have_the_envelope_too(server: Receiver, request_: str, status: int, code: str) -> None:
    with server.connect() as connection:
        connection.sendall(request_.encode())
        head, _, body = connection.recv(4096).partition(b"\r\n\r\n")
        assert f" {status} ".encode() in head.split(b"\r\n")[0]
        assert json.loads(body or connection.recv(4096))["error_code"] == code


def test_a_sender_that_hangs_up_has_a_line_too(server: Receiver) -> None:
    with server.connect() as connection:
        head = f"POST {URL} HTTP/1.1\r\nHost: x\r\nX-API-Token: {TOKEN}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
    eventually(lambda: any(line.get("outcome") == "hung_up" for line in server.log_lines()))


def test_faults_by_the_hundred_thousand_are_not_looked_at_one_by_one(server: Receiver) -> None:
    body = payload(telescope={"recent_entries_data": [1] * 100_000})
    answer = server.post(body)
    assert answer.json()["errors"] == {"telescope.recent_entries_data": ["More than 10000 items."]}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token(server: Receiver, path: str) -> None:
    response = server.get(path)
    assert (response.status_code, response.json()["success"]) == (200, True)


def test_neither_tokens_nor_bodies_reach_the_log(server: Receiver) -> None:
    marker = "a-marker-in-the-body"
    server.post(payload(x=marker))
    server.post(payload(telescope={"recent_entries_data": [{"type": 4, "x": marker}]}))
    server.post(payload(x=marker), x_api_token="wrong-" + marker)
    server.get(f"/?token={marker}")
    server.get("/healthz")
    eventually(lambda: '"path":"/healthz"' in server.log.read_text())
    log = server.log.read_text()
    assert marker not in log
    assert TOKEN not in log


def test_each_request_has_one_line_with_its_outcome(server: Receiver) -> None:
    body = json.dumps(payload(n="one line")).encode()
    response = server.post(body)
    request_id = response.headers["x-request-id"]
    (line,) = eventually(lambda: [line for line in server.log_lines() if line.get("request_id") == request_id])
    assert line.pop("duration_ms") > 0
    assert line.pop("timestamp")
    assert line == {
        "event": "request",
        "level": "info",
        "method": "POST",
        "path": URL,
        "status": 200,
        "request_id": response.headers["x-request-id"],
        "token": "default",
        "bytes": len(body),
        "system": "laravel_app",
        "snapshot_id": response.json()["snapshot_id"],
        "outcome": "stored",
    }

"""What is told when MongoDB cannot take a write, and what is a fault of our own."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WriteError,
)

from receiver.store.connection import SLOW, UNREACHABLE, servers_of, unavailable_reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ServerSelectionTimeoutError("no servers"), UNREACHABLE),
        (AutoReconnect("reset"), UNREACHABLE),
        (NotPrimaryError("stepped down"), UNREACHABLE),
        (NetworkTimeout("timed out"), SLOW),
        (ExecutionTimeout("too long", 50), SLOW),
        (TimeoutError(), SLOW),
        (OperationFailure("x", 18), "MongoDB refuses: the user name or password is wrong"),
        (WriteError("x", 14031), "MongoDB refuses: its disk is full"),
        (WriteConcernError("x", 100), "MongoDB refuses: a majority of the members is away"),
        (BulkWriteError({"writeErrors": [{"code": 11000}, {"code": 11600}]}), "MongoDB refuses: it is shutting down"),
        (BulkWriteError({"writeErrors": [{"code": 121}]}), None),
        (OperationFailure("x", 121), None),
        (DocumentTooLarge("x"), None),
        (ValueError("x"), None),
    ],
    ids=repr,
)
def test_reasons(error: Exception, reason: str | None) -> None:
    assert unavailable_reason(error) == reason


@pytest.mark.parametrize(
    ("uri", "servers"),
    [
        ("mongodb://a", ["a"]),
        ("mongodb://user:p%40ss@a:1,b:2/?replicaSet=rs0", ["a:1", "b:2"]),
        ("mongodb+srv://user:pass@cluster.example.com/db", ["cluster.example.com"]),
    ],
)
def test_the_log_names_servers_without_passwords(uri: str, servers: list[str]) -> None:
    assert servers_of(uri) == servers

"""The connection to MongoDB: whether it can take a write now, and what to say when it cannot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pymongo
import structlog
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient, WriteConcern
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from receiver.errors import SettingsError, StoreUnavailable
from receiver.store.layout import Database, Retention, make_layout

log = structlog.get_logger()

DURABLE = WriteConcern(w="majority", j=True)

# Failures of a server that is there but cannot take writes: they pass, so the sender is asked to come again.
PASSING = {
    6: "a member cannot be reached",
    7: "a member cannot be found",
    13: "the user may not write",
    18: "the user name or password is wrong",
    64: "a majority of the members is away",
    79: "a majority of the members is away",
    91: "it is shutting down",
    89: "a member does not answer in time",
    100: "a majority of the members is away",
    133: "it has no primary",
    189: "it has no primary",
    8000: "the user name or password is wrong",
    10107: "it has no primary",
    11600: "it is shutting down",
    11602: "it has no primary",
    13435: "it has no primary",
    13436: "it is starting",
    14031: "its disk is full",
}
REFUSES = "MongoDB refuses"
CONNECTING = "MongoDB is being connected to"
UNREACHABLE = "MongoDB cannot be reached"
SLOW = "MongoDB does not answer in time"
UNPREPARED = "MongoDB cannot be prepared, see the log"

RETRY_PREPARE_SECONDS = 1.0
CHECK_EVERY_MS = 1000
CONNECT_TIMEOUT_MS = 2000


def unavailable_reason(error: BaseException) -> str | None:
    """Say why MongoDB cannot take a write now; None where the error is not of that kind but a fault of ours."""
    if isinstance(error, NetworkTimeout | ExecutionTimeout | WTimeoutError | TimeoutError):
        return SLOW
    if isinstance(error, ConnectionFailure):
        return UNREACHABLE
    for code in _codes(error):
        if code in PASSING:
            return f"{REFUSES}: {PASSING[code]}"
    return SLOW if isinstance(error, PyMongoError) and error.timeout else None


def _codes(error: BaseException) -> list[int | None]:
    if isinstance(error, BulkWriteError):  # its own code says nothing
        faults = [*error.details.get("writeErrors", []), *error.details.get("writeConcernErrors", [])]
        return [fault.get("code") for fault in faults]
    return [error.code] if isinstance(error, OperationFailure) else []


def check_uri(uri: str, source: str) -> None:
    """Make sure that the driver understands an address, before anything is started; nothing is connected to.

    Args:
        uri: of MongoDB.
        source: where the setting comes from.

    Raises:
        SettingsError: it does not; the address is not quoted, it may hold a password.
    """
    if uri.startswith("mongodb+srv://"):
        return  # needs the network: what is wrong with it shows when connecting
    try:
        MongoClient[dict[str, Any]](uri, connect=False)
    except OSError:
        raise SettingsError(f"Setting mongodb_uri (from {source}): a file that it names cannot be read.") from None
    except (PyMongoError, ValueError, TypeError):
        hint = "are the options spelled right, and odd characters of the password percent-encoded?"
        raise SettingsError(f"Setting mongodb_uri (from {source}): not an address the driver takes; {hint}") from None


def servers_of(uri: str) -> list[str]:
    """List the servers that an address names, for the log: without the user, the password and the options."""
    return uri.split("://", 1)[-1].split("/")[0].rpartition("@")[2].split(",")


class Store:
    """One process's connection to the database.

    Args:
        uri: of MongoDB.
        database: its name.
        retention: age at which documents are deleted; None to leave the collections as they are.
        timeout_seconds: how long an operation may take, waiting for the server included.
    """

    def __init__(self, uri: str, database: str, *, retention: Retention | None, timeout_seconds: float) -> None:
        self.uri = uri
        self.name = database
        self.retention = retention
        self.timeout_seconds = timeout_seconds
        self.reason: str | None = CONNECTING
        self._servers = servers_of(uri)
        self._ready = asyncio.Event()
        self._lost = asyncio.Event()

    async def open(self) -> None:
        """Begin to connect, in the event loop that will use the store; does not wait for the server."""
        self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            self.uri,
            appname="receiver",
            connectTimeoutMS=CONNECT_TIMEOUT_MS,
            heartbeatFrequencyMS=CHECK_EVERY_MS,
            serverSelectionTimeoutMS=CONNECT_TIMEOUT_MS,
            tz_aware=True,
        )
        self._database: Database = self._client.get_database(self.name, write_concern=DURABLE)
        self._keeper = asyncio.create_task(self._keep_prepared())

    async def close(self) -> None:
        """Let go of the server."""
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        self._client.close()

    async def _keep_prepared(self) -> None:
        """Make the collections whenever the server comes (back), and only then let operations through.

        Requests wait for that on an event, without a thread: a hundred of them may wait for a server that is away.
        """
        while True:
            if not await self._prepared():
                await asyncio.sleep(RETRY_PREPARE_SECONDS)
                continue
            self.reason = None
            self._lost.clear()
            self._ready.set()
            log.info("store_ready", database=self.name)
            await self._lost.wait()

    async def _prepared(self) -> bool:
        try:
            with pymongo.timeout(CONNECT_TIMEOUT_MS / 1000):
                await self._client.admin.command("ping")
            if self.retention is not None:
                await make_layout(self._database, self.retention)
        except Exception as error:  # whatever it is, it is told and tried again: the receiver outlives its database
            self._tell(unavailable_reason(error) or UNPREPARED, error)
            return False
        return True

    def _tell(self, reason: str, error: Exception) -> None:
        if reason != self.reason:
            kind, code = type(error).__name__, getattr(error, "code", None)
            log.warning("store_unavailable", reason=reason, servers=self._servers, error=kind, code=code)
        self.reason = reason

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[Database]:
        """Lend the database for one operation, within the time limit, as soon as it is ready.

        Raises:
            StoreUnavailable: not in time, or failed in a way that passes; a write may have happened all the same.
        """
        try:
            async with asyncio.timeout(self.timeout_seconds):
                await self._ready.wait()
                with pymongo.timeout(self.timeout_seconds):
                    yield self._database
        except (PyMongoError, TimeoutError) as error:
            reason = unavailable_reason(error)
            if reason is None:
                raise
            if self._ready.is_set():
                self._lose(reason, error)
            raise StoreUnavailable(self.reason or reason) from error

    def _lose(self, reason: str, error: Exception) -> None:
        """Let nothing more through until the keeper has found the server in order again."""
        self._tell(reason, error)
        self._ready.clear()
        self._lost.set()

    async def check(self) -> None:
        """Make sure that a write would be taken now.

        Raises:
            StoreUnavailable: with the reason.
        """
        if self.reason is not None:
            raise StoreUnavailable(self.reason)
        async with self.operation() as database:
            hello = await database.command("hello")
        if not hello.get("isWritablePrimary"):
            raise StoreUnavailable(f"{REFUSES}: {PASSING[10107]}")

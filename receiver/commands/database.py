"""Commands that work on the database: where it is, and the work itself."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from receiver.commands.options import Command, options_for
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.logs import configure_logs
from receiver.settings import Settings, load_settings
from receiver.store.connection import REFUSES, Store
from receiver.store.embedded_state import read_state
from receiver.store.layout import Database

Result = TypeVar("Result")

# What a person started may take as long as there is data.
PATIENCE_SECONDS = 24 * 60 * 60.0


def database_options(command: Command) -> Command:
    """Give a command the options that say where the database is."""
    about_uri = "MongoDB to use; without it, the embedded one of a receiver that runs"
    about_dir = "folder of that receiver"
    return options_for("mongodb_uri", "database", "data_dir", mongodb_uri=about_uri, data_dir=about_dir)(command)


def settings_of(config: Path | None, options: dict[str, str | None]) -> Settings:
    """Return the settings of a command."""
    return load_settings(os.environ, options, config).settings


def with_database(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run one piece of work on the configured database, or on the embedded one that a receiver runs.

    Args:
        settings: that say where it is.
        work: to be done.

    Raises:
        ReceiverError: it cannot be reached.
    """
    configure_logs("error", "console")
    uri = settings.mongodb_uri or _embedded_uri(settings)

    async def run() -> Result:
        store = Store(uri, settings.database, retention=None, timeout_seconds=settings.store_timeout_seconds)
        await store.open()
        try:
            async with store.operation():
                store.timeout_seconds = PATIENCE_SECONDS
            async with store.operation() as database:
                return await work(database)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        hint = "" if str(error).startswith(REFUSES) else " Is the receiver, or the MongoDB of mongodb_uri, running?"
        raise ReceiverError(f"{error}.{hint}") from None


def _embedded_uri(settings: Settings) -> str:
    state = read_state(settings.data_dir)
    if state is None:
        raise ReceiverError(f"There is no embedded MongoDB in {settings.data_dir}, and mongodb_uri is not set.")
    return state.uri("receiver")

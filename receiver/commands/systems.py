"""``receiver systems``."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.commands.options import setting_options
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.logs import configure_logs
from receiver.settings import Settings, check_system, load_settings
from receiver.store.connection import Store
from receiver.store.embedded_state import read_state
from receiver.store.layout import Database
from receiver.store.systems import delete_system, list_systems, rename_system

Result = TypeVar("Result")

# What a person started may take as long as there is data.
PATIENCE_SECONDS = 24 * 60 * 60.0


@click.group()
def systems() -> None:
    """The applications that have posted."""


@systems.command("list")
@setting_options
def systems_list(config: Path | None, **options: str | None) -> None:
    """List them: when they were last heard of, and their versions."""
    found = with_database(load_settings(os.environ, options, config).settings, list_systems)
    rows = [("system", "last seen (UTC)", "first seen (UTC)", "PHP", "Laravel"), *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(system: dict[str, Any]) -> tuple[str, ...]:
    seen = [system[name].strftime("%Y-%m-%d %H:%M:%S") for name in ("last_seen_at", "first_seen_at")]
    return (system["_id"], *seen, system.get("php_version") or "", system.get("laravel_version") or "")


@systems.command("rename")
@click.argument("old")
@click.argument("new")
@setting_options
def systems_rename(config: Path | None, old: str, new: str, **options: str | None) -> None:
    """Give all that is stored of OLD to NEW; posts that still say OLD make it known again.

    Give its token a `system` first, so that they do not.
    """
    settings = load_settings(os.environ, options, config).settings
    check_system(new)
    if old == new:
        raise ReceiverError("The two names are the same.")
    if all(system["_id"] != old for system in with_database(settings, list_systems)):
        raise ReceiverError(f"There is no system {old}.")
    count = with_database(settings, lambda database: rename_system(database, old, new))
    click.echo(f"{old} is {new} now: {count} snapshots.")


@systems.command("forget")
@click.argument("name")
@click.option(
    "--data", is_flag=True, help="delete its snapshots and entries too; otherwise they stay until they expire"
)
@click.option("--yes", is_flag=True, help="do not ask")
@setting_options
def systems_forget(config: Path | None, name: str, data: bool, yes: bool, **options: str | None) -> None:
    """Forget an application that will not post any more; if it does, it is known again."""
    settings = load_settings(os.environ, options, config).settings
    if not yes:
        what = f"{name} and all its data" if data else name
        click.confirm(f"Forget {what}?", abort=True)
    if not with_database(settings, lambda database: delete_system(database, name, with_data=data)):
        raise ReceiverError(f"There is no system {name}.")
    click.echo(f"{name} is forgotten.")


def with_database(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run one piece of work on the configured database, or on the embedded one that a receiver runs.

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
        raise ReceiverError(f"{error}. Is the receiver, or the MongoDB of mongodb_uri, running?") from None


def _embedded_uri(settings: Settings) -> str:
    state = read_state(settings.data_dir)
    if state is None:
        raise ReceiverError(f"There is no embedded MongoDB in {settings.data_dir}, and mongodb_uri is not set.")
    return state.uri("receiver")

"""``receiver systems``."""

from pathlib import Path
from typing import Any

import click

from receiver.commands.database import database_options, settings_of, with_database
from receiver.commands.rates import rebuild
from receiver.errors import ReceiverError
from receiver.settings import check_system
from receiver.store.systems import delete_system, list_systems, rename_system


@click.group()
def systems() -> None:
    """The applications that have posted."""


@systems.command("list")
@database_options
def systems_list(config: Path | None, **options: str | None) -> None:
    """List them: when they were last heard of, and their versions."""
    found = with_database(settings_of(config, options), list_systems)
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
@database_options
def systems_rename(config: Path | None, old: str, new: str, **options: str | None) -> None:
    """Give all that is stored of OLD to NEW; posts that still say OLD make it known again.

    Give its token a `system` first, so that they do not. If NEW has posted already, what both told of in the same five
    minutes is counted twice there.
    """
    settings = settings_of(config, options)
    check_system(new)
    if old == new:
        raise ReceiverError("The two names are the same.")
    known = {system["_id"] for system in with_database(settings, list_systems)}
    if old not in known:
        raise ReceiverError(f"There is no system {old}.")
    count = with_database(settings, lambda database: rename_system(database, old, new))
    if new in known:  # the two are one now, and so are their minutes
        with_database(settings, lambda database: rebuild(database, new, None, None))
    click.echo(f"{old} is {new} now: {count} snapshots.")


@systems.command("forget")
@click.argument("name")
@click.option(
    "--data", is_flag=True, help="delete its snapshots, entries and rates too; otherwise they stay until they expire"
)
@click.option("--yes", is_flag=True, help="do not ask")
@database_options
def systems_forget(config: Path | None, name: str, data: bool, yes: bool, **options: str | None) -> None:
    """Forget an application that will not post any more; if it does, it is known again."""
    settings = settings_of(config, options)
    if not yes:
        what = f"{name} and all its data" if data else name
        click.confirm(f"Forget {what}?", abort=True)
    if not with_database(settings, lambda database: delete_system(database, name, with_data=data)):
        raise ReceiverError(f"There is no system {name}.")
    click.echo(f"{name} is forgotten.")

"""``receiver check-config``, ``receiver token`` and ``receiver mongo-uri``."""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import click

from receiver.commands.options import config_option, setting_options
from receiver.errors import ReceiverError
from receiver.settings import LoadedSettings, check_token, load_settings, masked
from receiver.store.embedded_state import read_state

TOKEN_BYTES = 32


@click.command("check-config")
@setting_options
def check_config(config: Path | None, **options: str | None) -> None:
    """Print the effective settings and where each comes from; secrets are masked."""
    click.echo(settings_table(load_settings(os.environ, options, config)))


def settings_table(loaded: LoadedSettings) -> str:
    """Lay out the effective settings in three columns."""
    rows = [("setting", "value", "from"), *masked(loaded)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}" for name, value, source in rows)


@click.group()
def token() -> None:
    """Tokens for applications, dashboards and operators."""


@token.command("new")
@click.argument("name")
@click.option("--role", "roles", multiple=True, default=("ingest",), show_default=True, help="may be repeated")
@click.option("--system", help="what is posted with it is this system's, whatever the body says")
@click.option("--only", "systems", multiple=True, metavar="SYSTEM", help="it may post for this system; may be repeated")
def token_new(name: str, roles: tuple[str, ...], system: str | None, systems: tuple[str, ...]) -> None:
    """Make a token, and the entry for the settings file; the token itself is shown once and kept nowhere."""
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    entry: dict[str, Any] = {"name": name, "sha256": hashlib.sha256(secret.encode()).hexdigest()}
    entry["roles"] = list(dict.fromkeys(roles))
    if system is not None:
        entry["system"] = system
    if systems:
        entry["systems"] = list(systems)
    check_token(entry)
    click.echo(f"Token, shown once: {secret}\n\nPaste into config/receiver.toml:\n\n[[tokens]]")
    for key, value in entry.items():
        click.echo(f"{key} = {json.dumps(value)}")  # JSON's strings and lists are TOML's too


@click.command("mongo-uri")
@config_option
@click.option("--admin", is_flag=True, help="the user that may do everything, in place of the one that may only read")
@click.option("--data-dir", metavar="TEXT", help="folder of the embedded MongoDB")
def mongo_uri(config: Path | None, admin: bool, data_dir: str | None) -> None:
    """Print the address of the embedded MongoDB, for mongosh and Compass."""
    settings = load_settings(os.environ, {"data_dir": data_dir}, config).settings
    if settings.mongodb_uri:
        raise ReceiverError("mongodb_uri is set, so there is no embedded MongoDB: use that address.")
    state = read_state(settings.data_dir)
    if state is None:
        raise ReceiverError(f"There is no embedded MongoDB in {settings.data_dir} yet: start `receiver serve` first.")
    click.echo(state.uri("receiver" if admin else "analyst", settings.database))

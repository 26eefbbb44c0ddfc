"""The command ``receiver``."""

import hashlib
import json
import os
import secrets
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from marshmallow import fields

from receiver import __version__
from receiver.clock import iso_utc, utc_now
from receiver.errors import ReceiverError
from receiver.logs import configure_logs
from receiver.private_files import make_private_dir, write_private
from receiver.settings import FIELDS, LoadedSettings, Settings, check_token, is_simple, load_settings, masked
from receiver.store.connection import check_uri
from receiver.store.embedded import read_state
from receiver.supervisor import Supervisor, bind
from receiver.worker import hypercorn_config

TOKEN_BYTES = 32


class Group(click.Group):
    """Commands whose failures are sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a person has to know is printed, without a traceback."""
        try:
            return super().invoke(ctx)
        except ReceiverError as error:
            raise SystemExit(f"receiver: {error}") from None
        except OSError as error:
            raise SystemExit(f"receiver: {error.filename or 'the system'}: {error.strerror}") from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="receiver")
def main() -> None:
    """Receive the Telescope and Pulse snapshots of Laravel applications and keep them in MongoDB."""


Command = Callable[..., None]


def config_option(command: Command) -> Command:
    """Give a command the option that names the settings file."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--config", type=kind, help="settings file  [default: config/receiver.toml, if there]")(command)


def setting_options(command: Command) -> Command:
    """Give a command one option for each setting that has a simple value; the others are for the file."""
    for name, field in reversed(FIELDS.items()):
        if not is_simple(field):
            continue
        default = "" if field.load_default is None else f"  [default: {field.load_default}]"
        text = field.metadata["description"].replace("`", "") + default
        command = click.option("--" + name.replace("_", "-"), name, metavar=_kind(field), help=text)(command)
    return config_option(command)


def _kind(field: fields.Field[Any]) -> str:
    if isinstance(field, fields.Integer):
        return "N"
    return "SECONDS" if isinstance(field, fields.Float) else "TEXT"


@main.command()
@setting_options
def serve(config: Path | None, **options: str | None) -> None:
    """Receive snapshots, until SIGTERM or Ctrl-C."""
    loaded = load_settings(os.environ, options, config)
    settings = loaded.settings
    configure_logs(settings.log_level, settings.log_format)
    is_tls = hypercorn_config(settings).ssl_enabled
    if settings.mongodb_uri:
        check_uri(settings.mongodb_uri, loaded.sources["mongodb_uri"])
    listener = bind(settings)
    host, port = listener.getsockname()[:2]
    settings, token_line, token_word = settle_token(loaded)
    welcome = banner(address_of(host, port, is_tls), token_line, token_word)
    Supervisor(settings, listener, lambda: click.echo(welcome)).run()


def address_of(host: str, port: int, is_tls: bool) -> str:
    """Return the address that a person on this machine may use."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    return f"{'https' if is_tls else 'http'}://{f'[{name}]' if ':' in name else name}:{port}"


def banner(address: str, token_line: str, token_word: str) -> str:
    """Return the first lines on the screen: the address, the token and a curl line that works."""
    body = (
        f'{{"timestamp":"{iso_utc(utc_now())}","system":"laravel_app",'
        '"telescope":{"total_entries":1,"recent_entries":0,"entry_types":{"request":1},"recent_entries_data":[]},'
        '"pulse":[],"server_info":{"memory_usage":16777216}}'
    )
    return (
        f"\nReceiver {__version__} listens on {address}\n{token_line}\n\nTry it:\n\n"
        f"  curl -H 'Content-Type: application/json' -H \"X-API-Token: {token_word}\" \\\n"
        f"    -d '{body}' \\\n    {address}/api/monitoring\n"
    )


def settle_token(loaded: LoadedSettings) -> tuple[Settings, str, str]:
    """Make sure that there is a token: with none configured, the one of the data directory, made if need be.

    Returns:
        Settings with a token; a line that tells where the token is, or the token itself if it was made just now; and
        how a shell command gets at it without showing it.

    Raises:
        ReceiverError: the file of the data directory holds no token.
    """
    settings = loaded.settings
    names = [f"{token.name} (in the settings file)" for token in settings.tokens]
    if settings.token:
        source = loaded.sources["token"]
        line = (
            f"Tokens: {', '.join([source, *names])}. The first may do everything, and Telescope stores in clear what\n"
            "an application posts with: in production, give it an ingest-only one (receiver token new)."
        )
        return settings, line, f"${source}" if source == "RECEIVER_TOKEN" else "<token>"
    if names:
        return settings, f"Tokens: {', '.join(names)}", "<token>"
    make_private_dir(settings.data_dir)
    file = settings.data_dir.absolute() / "token"
    word = f"$(cat {shlex.quote(str(file))})"
    if file.exists():
        return replace(settings, token=_read_token(file)), f"Token: in {file}", word
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_private(file, token + "\n")
    line = f"Token: {token}\n(made just now, shown once, kept in {file}; it may do everything)"
    return replace(settings, token=token), line, word


def _read_token(file: Path) -> str:
    token = file.read_text(encoding="utf-8", errors="replace").strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise ReceiverError(f"There is no token in {file}: delete the file, and a new one is made.")
    return token


@main.command("check-config")
@setting_options
def check_config(config: Path | None, **options: str | None) -> None:
    """Print the effective settings and where each comes from; secrets are masked."""
    click.echo(settings_table(load_settings(os.environ, options, config)))


def settings_table(loaded: LoadedSettings) -> str:
    """Lay out the effective settings in three columns."""
    rows = [("setting", "value", "from"), *masked(loaded)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}" for name, value, source in rows)


@main.group()
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


@main.command("mongo-uri")
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

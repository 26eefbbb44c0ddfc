"""The command ``receiver``."""

import hashlib
import json
import os
import secrets
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from marshmallow import fields

from receiver import __version__
from receiver.clock import iso_utc, utc_now
from receiver.errors import ReceiverError
from receiver.logs import configure_logs
from receiver.private_files import make_private_dir, write_private
from receiver.settings import FIELDS, LoadedSettings, Settings, load_settings, masked
from receiver.store.embedded import read_state
from receiver.supervisor import Supervisor
from schemas.settings import ROLES

TOKEN_BYTES = 32


class Group(click.Group):
    """Commands whose failures are sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a person has to know is printed, without a traceback."""
        try:
            return super().invoke(ctx)
        except ReceiverError as error:
            raise SystemExit(f"receiver: {error}") from None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="receiver")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings file. [default: config/receiver.toml, if it is there]",
)
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Receive the Telescope and Pulse snapshots of Laravel applications and keep them in MongoDB."""
    context.obj = config


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each setting that has a simple value; a list is for the file."""
    for name, field in reversed(FIELDS.items()):
        if isinstance(field, fields.List):
            continue
        default = "" if field.load_default is None else f"  [default: {field.load_default}]"
        text = field.metadata["description"].replace("`", "") + default
        command = click.option("--" + name.replace("_", "-"), name, metavar=_kind(field), help=text)(command)
    return command


def _kind(field: fields.Field[Any]) -> str:
    if isinstance(field, fields.Integer):
        return "N"
    return "SECONDS" if isinstance(field, fields.Float) else "TEXT"


@main.command()
@setting_options
@click.pass_obj
def serve(config: Path | None, /, **options: str | None) -> None:
    """Receive snapshots, until SIGTERM or Ctrl-C."""
    settings = load_settings(os.environ, options, config).settings
    configure_logs(settings.log_level, settings.log_format)
    quick_start = settle_token(settings)
    supervisor = Supervisor(quick_start.settings, lambda host, port: click.echo(quick_start.banner(host, port)))
    supervisor.run()


@dataclass(frozen=True)
class QuickStart:
    """What the first lines on the screen tell.

    Args:
        settings: with a token.
        token_line: the token itself if it was made just now, or else where it is.
        token_word: how a shell command gets at the token, without showing it.
    """

    settings: Settings
    token_line: str
    token_word: str

    def banner(self, host: str, port: int) -> str:
        """Return the address, the token and a curl line that works."""
        name = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
        address = f"http://{f'[{name}]' if ':' in name else name}:{port}"
        body = (
            f'{{"timestamp":"{iso_utc(utc_now())}","system":"laravel_app",'
            '"telescope":{"total_entries":1,"recent_entries":0,"entry_types":{"request":1},"recent_entries_data":[]},'
            '"pulse":[],"server_info":{"memory_usage":16777216}}'
        )
        return (
            f"\nReceiver {__version__} listens on {address}\n"
            f"{self.token_line}\n\nTry it:\n\n"
            f"  curl -H 'Content-Type: application/json' -H \"X-API-Token: {self.token_word}\" \\\n"
            f"    -d '{body}' \\\n    {address}/api/monitoring\n"
        )


def settle_token(settings: Settings) -> QuickStart:
    """Make sure that there is a token: with none configured, the one of the data directory, made if need be."""
    if settings.token:
        warning = "Token: RECEIVER_TOKEN. It may do everything, and Telescope stores in clear what it posts with:\n"
        warning += "in production, post with an ingest-only one (receiver token new)."
        return QuickStart(settings, warning, "$RECEIVER_TOKEN")
    if settings.tokens:
        return QuickStart(settings, "Tokens: " + ", ".join(token.name for token in settings.tokens), "<your token>")
    make_private_dir(settings.data_dir)
    file = settings.data_dir / "token"
    word = f"$(cat {shlex.quote(str(file))})"
    if file.exists():
        token = file.read_text(encoding="utf-8").strip()
        return QuickStart(replace(settings, token=token), f"Token: in {file}", word)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_private(file, token + "\n")
    line = f"Token: {token}\n(made just now, shown once, kept in {file}; it may do everything)"
    return QuickStart(replace(settings, token=token), line, word)


@main.command("check-config")
@setting_options
@click.pass_obj
def check_config(config: Path | None, /, **options: str | None) -> None:
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
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), default=("ingest",), show_default=True)
@click.option("--system", help="What is posted with it is this system's, whatever the body says.")
def token_new(name: str, roles: tuple[str, ...], system: str | None) -> None:
    """Make a token, and the entry for the settings file; the token itself is shown once and kept nowhere."""
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    click.echo(f"Token, shown once: {secret}\n\nPaste into config/receiver.toml:\n")
    click.echo("[[tokens]]")
    click.echo(f"name = {_toml(name)}")
    click.echo(f'sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"')
    click.echo(f"roles = [{', '.join(_toml(role) for role in dict.fromkeys(roles))}]")
    if system:
        click.echo(f"system = {_toml(system)}")


def _toml(text: str) -> str:
    """Write a TOML basic string; JSON's is one, but for DEL."""
    return json.dumps(text)


@main.command("mongo-uri")
@click.option("--admin", is_flag=True, help="The user that may do everything, in place of the one that may only read.")
@click.option("--data-dir", help="Folder of the embedded MongoDB.")
@click.pass_obj
def mongo_uri(config: Path | None, admin: bool, data_dir: str | None) -> None:
    """Print the address of the embedded MongoDB, for mongosh and Compass."""
    settings = load_settings(os.environ, {"data_dir": data_dir}, config).settings
    if settings.mongodb_uri:
        raise ReceiverError("mongodb_uri is set, so there is no embedded MongoDB: use that address.")
    state = read_state(settings.data_dir)
    if state is None:
        raise ReceiverError(f"There is no embedded MongoDB in {settings.data_dir} yet: start `receiver serve` first.")
    click.echo(state.uri("receiver" if admin else "analyst", settings.database))

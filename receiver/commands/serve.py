"""``receiver serve`` and ``receiver demo``."""

import collections
import multiprocessing
import os
import secrets
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import wait
from pathlib import Path

import click
import msgspec

from receiver import __version__
from receiver.clock import iso_utc, utc_now
from receiver.commands.options import setting_options
from receiver.errors import ReceiverError
from receiver.logs import configure_logs
from receiver.private_files import make_private_dir, write_private
from receiver.sending import Sender
from receiver.settings import LoadedSettings, Settings, load_settings
from receiver.simulator import Application, history, play, take_snapshot
from receiver.store.connection import check_uri
from receiver.supervisor import Supervisor, bind
from receiver.worker import hypercorn_config

TOKEN_BYTES = 32
DEMO_DAYS = 7
DEMO_SENDERS = 4


@click.command()
@setting_options
def serve(config: Path | None, **options: str | None) -> None:
    """Receive snapshots, until SIGTERM or Ctrl-C."""
    run(load_settings(os.environ, options, config))


@click.command()
@setting_options
@click.option("--days", default=DEMO_DAYS, show_default=True, help="of history to begin with")
def demo(config: Path | None, days: int, **options: str | None) -> None:
    """Serve, with three simulated Laravel applications: one calm, one busy, one with an incident now and then.

    First comes their history, within a minute; then they post as real ones do. It is an ordinary receiver: what is
    stored stays. Give it a data directory of its own with --data-dir to keep it apart.
    """

    loaded = load_settings(os.environ, options, config)
    if loaded.settings.tokens and not loaded.settings.token:
        raise ReceiverError("The demo needs a token it knows: set RECEIVER_TOKEN, or leave [[tokens]] out.")
    run(loaded, lambda start: simulate(start, days))


@dataclass(frozen=True)
class Start:
    """What is known once the receiver listens.

    Args:
        address: of the receiver.
        token: that may post; None where only its digest is known.
        welcome: the first lines on the screen.
    """

    address: str
    token: str | None
    welcome: str


def run(loaded: LoadedSettings, companion: Callable[[Start], None] | None = None) -> None:
    """Serve until told to stop; the companion runs beside the workers, in a process of its own."""
    settings = loaded.settings
    configure_logs(settings.log_level, settings.log_format)
    is_tls = hypercorn_config(settings).ssl_enabled
    if settings.mongodb_uri:
        check_uri(settings.mongodb_uri, loaded.sources["mongodb_uri"])
    listener = bind(settings)
    host, port = listener.getsockname()[:2]
    settings, token_line, token_word = settle_token(loaded)
    address = address_of(host, port, is_tls)
    start = Start(address, settings.token, banner(address, token_line, token_word))
    beside = (lambda: companion(start)) if companion else None
    Supervisor(settings, listener, lambda: click.echo(start.welcome), beside).run()


def simulate(start: Start, days: int) -> None:
    """Post the history and then the present of the simulated applications, as long as there is a receiver."""
    parent = multiprocessing.parent_process()
    sender = Sender(start.address, start.token or "")
    past = history(utc_now(), days)

    def post(which: tuple[Application, datetime]) -> None:
        sender.post(msgspec.json.encode(take_snapshot(*which)))

    with ThreadPoolExecutor(DEMO_SENDERS) as pool:
        posts = pool.map(post, past)
        with click.progressbar(posts, length=len(past), label=f"{days} days of history") as progress:
            collections.deque(progress, maxlen=0)
    click.echo("Three applications post from now on.")
    play(sender, utc_now, lambda: parent is None or not wait([parent.sentinel], 1.0))


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

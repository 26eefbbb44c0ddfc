"""``receiver send``."""

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import click

from receiver.clock import utc_now
from receiver.commands.options import config_option
from receiver.errors import ReceiverError
from receiver.sending import Outcome, Payload, Sender, latest, parse, read_payloads, rebase, write
from receiver.settings import load_settings

Body = tuple[str, bytes]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--url", default="http://127.0.0.1:3001", show_default=True, help="of the receiver")
@click.option("--token", help="to post with  [default: RECEIVER_TOKEN, or the one in the data directory]")
@click.option("--system", help="post as this system, whatever the files say")
@click.option("--rebase", type=click.Choice(["now"]), help="move all the times so that the last snapshot is taken now")
@config_option
def send(
    config: Path | None, files: tuple[Path, ...], url: str, token: str | None, system: str | None, rebase: str | None
) -> None:
    """Post the snapshots of FILES, JSON or NDJSON, in their order; the exit code is 0 if all were taken."""
    bodies = [body for file in files for body in read_payloads(file)]
    if system or rebase:
        bodies = changed(bodies, system, to_now=rebase is not None)
    if not bodies:
        raise ReceiverError("There is nothing to send in these files.")
    sender = Sender(url, token or known_token(config))
    outcomes: list[tuple[str, Outcome]] = []
    with click.progressbar(bodies, label="Posting", item_show_func=lambda body: body[0] if body else "") as progress:
        for place, body in progress:
            outcomes.append((place, sender.post(body)))
    for place, outcome in outcomes:
        click.echo(f"{outcome.status or '---'}  {outcome.text:<40}  {place}")
    counts = Counter(outcome.status for _, outcome in outcomes)
    click.echo(", ".join(f"{count} x {status or 'no answer'}" for status, count in counts.items()))
    if not all(outcome.is_good for _, outcome in outcomes):
        raise SystemExit(1)


def changed(bodies: list[Body], system: str | None, *, to_now: bool) -> list[Body]:
    """Change the system or the times of snapshots; all move together, so that they stay as far apart as they were.

    Raises:
        ReceiverError: one of them is no JSON object, or cannot be written again.
    """
    payloads: list[Payload] = [parse(place, body) for place, body in bodies]
    newest = latest(payloads) if to_now else None
    delta = timedelta(seconds=int((utc_now() - newest).total_seconds())) if newest else timedelta()
    for payload in payloads:
        if system:
            payload["system"] = system
        rebase(payload, delta)
    return [(place, write(place, payload)) for (place, _), payload in zip(bodies, payloads, strict=True)]


def known_token(config: Path | None) -> str:
    """Find a token that this machine's receiver takes.

    Raises:
        ReceiverError: there is none.
    """
    settings = load_settings(os.environ, {}, config).settings
    file = settings.data_dir / "token"
    if settings.token:
        return settings.token
    if not file.exists():
        raise ReceiverError("No token: give --token, or set RECEIVER_TOKEN.")
    return file.read_text(encoding="utf-8").strip()

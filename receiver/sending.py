"""Posting snapshots as a sender does, from files: what ``receiver send`` and ``receiver demo`` are made of."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import httpx

from receiver.clock import iso_utc
from receiver.errors import ReceiverError

TIMEOUT_SECONDS = 30
# Pulse's rows of these types have an epoch for their value.
EPOCH_VALUES = {"exception"}

Payload = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one post.

    Args:
        status: HTTP status; None when there was no answer.
        text: for a person.
    """

    status: int | None
    text: str

    @property
    def is_good(self) -> bool:
        """Tell whether the snapshot was taken."""
        return self.status == 200


class Sender:
    """Posts to one receiver.

    Args:
        url: of the receiver, with or without ``/api/monitoring``.
        token: for ``X-API-Token``.

    Raises:
        ReceiverError: the token cannot be one.
    """

    def __init__(self, url: str, token: str) -> None:
        if not token.isascii() or not token.isprintable():
            raise ReceiverError("The token holds characters that no header can carry.")
        base = url.rstrip("/").removesuffix("/api/monitoring")
        self.url = f"{base}/api/monitoring"
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "User-Agent": "Laravel-System-Monitor/1.0",
                "X-API-Token": token,
            },
        )

    def post(self, body: bytes) -> Outcome:
        """Post one body."""
        try:
            response = self._client.post(self.url, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome(None, f"no answer: {error or type(error).__name__}")
        try:
            answer = response.json()
            text = answer.get("error_code") or ("duplicate" if answer.get("duplicate") else "stored")
            text = answer["message"] if "snapshot_id" not in answer else text
        except (ValueError, AttributeError, KeyError):
            text = "not the answer of a receiver"
        return Outcome(response.status_code, text)


def read_payloads(file: Path) -> Iterator[tuple[str, bytes]]:
    """Read the snapshots of a file: one JSON document, or one a line (NDJSON).

    Yields:
        ``(place, body)``: the file's name, with the line for NDJSON.

    Raises:
        ReceiverError: the file cannot be read.
    """
    try:
        content = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise ReceiverError(f"{file} cannot be read: {error.strerror}.") from None
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if file.suffix == ".ndjson" or (len(lines) > 1 and all(line.startswith(b"{") for _, line in lines)):
        yield from ((f"{file.name}:{number}", line) for number, line in lines)
    else:
        yield file.name, content


def parse(place: str, body: bytes) -> Payload:
    """Parse a body that is to be changed.

    Raises:
        ReceiverError: it is no JSON object.
    """
    try:
        payload = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise ReceiverError(
            f"{place} is not a JSON object: it can only be sent as it is, without --system and --rebase."
        )
    return payload


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def write(place: str, payload: Payload) -> bytes:
    """Write a snapshot that was changed.

    Raises:
        ReceiverError: it holds what UTF-8 cannot write.
    """
    try:
        return json.dumps(payload, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise ReceiverError(f"{place} cannot be written as JSON in UTF-8: send it as it is.") from None


def latest(payloads: list[Payload]) -> datetime | None:
    """Return the latest timestamp of some snapshots; None where none has one."""
    moments = [moment for payload in payloads if (moment := _read(payload.get("timestamp"))) is not None]
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments), default=None)


def _read(text: Any) -> datetime | None:
    if type(text) is not str:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def rebase(payload: Payload, delta: timedelta) -> None:
    """Move all the times of a snapshot, in place: its own, its server's and those of its entries.

    Args:
        payload: what does not look like a time stays.
        delta: whole seconds are best: naive times have no more.
    """
    _move(payload, "timestamp", delta)
    if isinstance(payload.get("server_info"), dict):
        _move(payload["server_info"], "server_time", delta)
    for source in ("telescope", "pulse"):
        section = payload.get(source)
        rows = section.get("recent_entries_data") if isinstance(section, dict) else None
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                _move(row, "created_at", delta)
                _move_epoch(row, "timestamp", delta)
                if source == "pulse" and row.get("type") in EPOCH_VALUES:
                    _move_epoch(row, "value", delta)


def _move(holder: Payload, key: str, delta: timedelta) -> None:
    moment = _read(holder.get(key))
    if moment is None:
        return
    try:
        moved = moment + delta
    except OverflowError:
        return
    sent = holder[key]
    if moment.tzinfo is None:
        holder[key] = moved.isoformat(sep=sent[10] if len(sent) > 10 else "T")
    else:
        holder[key] = iso_utc(moved)


def _move_epoch(holder: Payload, key: str, delta: timedelta) -> None:
    if type(holder.get(key)) in (int, float):
        holder[key] += int(delta.total_seconds())

"""The options that commands share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from marshmallow import ValidationError, fields

from receiver.clock import utc_now
from receiver.settings import FIELDS, is_simple
from schemas.queries import Moment

Command = Callable[..., None]

AGO = re.compile(r"(\d{1,6})([mhd])\Z")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def config_option(command: Command) -> Command:
    """Give a command the option that names the settings file."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--config", type=kind, help="settings file  [default: config/receiver.toml, if there]")(command)


def setting_options(command: Command) -> Command:
    """Give a command one option for each setting that has a simple value; the others are for the file."""
    return options_for(*(name for name, field in FIELDS.items() if is_simple(field)))(command)


def options_for(*names: str, **descriptions: str) -> Callable[[Command], Command]:
    """Give a command the options of some settings, and that of the settings file.

    Args:
        names: of the settings.
        descriptions: where they mean something else to this command than to the receiver itself.
    """

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            field = FIELDS[name]
            default = "" if field.load_default is None else f"  [default: {field.load_default}]"
            text = descriptions.get(name, field.metadata["description"]).replace("`", "") + default
            command = click.option("--" + name.replace("_", "-"), name, metavar=_kind(field), help=text)(command)
        return config_option(command)

    return decorate


def _kind(field: fields.Field[Any]) -> str:
    if isinstance(field, fields.Integer):
        return "N"
    return "SECONDS" if isinstance(field, fields.Float) else "TEXT"


class MomentType(click.ParamType[datetime]):
    """A moment: ISO 8601, or how long ago: ``90m``, ``24h``, ``7d``."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read what was typed."""
        if isinstance(value, datetime):
            return value
        try:
            if ago := AGO.match(value):
                return utc_now() - int(ago[1]) * UNITS[ago[2]]
            moment: datetime = Moment().deserialize(value)
        except (ValidationError, OverflowError):
            self.fail(f"{value!r} is neither a moment such as 2026-01-15T12:00 (UTC) nor, for example, 24h", param, ctx)
        return moment.astimezone(UTC)


def span_options(command: Command) -> Command:
    """Give a command ``--from`` and ``--to``."""
    text = "ISO 8601, or how long ago: 90m, 24h, 7d"
    command = click.option("--to", "end", type=MomentType(), help=f"end of the span, not included: {text}")(command)
    return click.option("--from", "start", type=MomentType(), help=f"start of the span: {text}")(command)

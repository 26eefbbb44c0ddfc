"""The options that commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from marshmallow import fields

from receiver.settings import FIELDS, is_simple

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

"""The settings: ``config/receiver.toml``, overridden by ``RECEIVER_<NAME>``, overridden by command-line options."""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

from receiver.errors import SettingsError
from schemas.faults import flatten
from schemas.settings import SettingsSchema, TokenSchema
from schemas.snapshot import SnapshotSchema

DEFAULT_FILE = Path("config/receiver.toml")
FILE_VARIABLE = "RECEIVER_CONFIG"
PREFIX = "RECEIVER_"

FIELDS = SettingsSchema().fields


@dataclass(frozen=True)
class Token:
    """Who may do what. The token itself is not kept, only its SHA-256.

    Args:
        name: for logs and receipts.
        sha256: hexadecimal digest of the token.
        roles: of ``ingest``, ``read`` and ``operate``.
        system: whatever the body says, what is posted with this token is this system's.
        systems: the only systems it may post for; None stands for any.
    """

    name: str
    sha256: str
    roles: frozenset[str]
    system: str | None = None
    systems: frozenset[str] | None = None


@dataclass(frozen=True, repr=False)
class Settings:
    """The effective settings, as ``schemas.settings.SettingsSchema`` describes them one by one."""

    host: str
    port: int
    mongodb_uri: str | None
    database: str
    data_dir: Path
    token: str | None
    tokens: tuple[Token, ...]
    workers: int
    max_body_bytes: int
    body_timeout_seconds: float
    header_timeout_seconds: float
    store_timeout_seconds: float
    shutdown_timeout_seconds: float
    retention_days: int
    entries_retention_days: int
    rates_retention_days: int
    redact_keys: tuple[str, ...]
    utc_offsets: dict[str, int]
    embedded_cache_mb: int
    hypercorn_file: Path
    log_level: str
    log_format: str


@dataclass(frozen=True)
class LoadedSettings:
    """Settings with where each came from.

    Args:
        settings: the effective settings.
        values: setting → its value as loaded.
        sources: setting → ``default``, the file's path, the variable's or the option's name.
    """

    settings: Settings
    values: dict[str, Any]
    sources: dict[str, str]


def load_settings(
    environment: Mapping[str, str], options: Mapping[str, Any] | None = None, file: Path | None = None
) -> LoadedSettings:
    """Read the settings from all their sources.

    Args:
        environment: variables; those that begin with ``RECEIVER_`` count.
        options: setting → value given on the command line; None is not given.
        file: TOML file that must be there; without it ``RECEIVER_CONFIG``, or ``config/receiver.toml`` if that exists.

    Raises:
        SettingsError: a setting is unknown or ill-typed; names it and its source.
    """
    given: dict[str, tuple[Any, str]] = {}
    given.update(_from_file(file, environment))
    given.update(_from_environment(environment))
    given.update({name: (v, _option(name)) for name, v in (options or {}).items() if v is not None})
    raw = {name: value for name, (value, _) in given.items()}
    sources = {name: given[name][1] if name in given else "default" for name in FIELDS}
    try:
        values = SettingsSchema().load(raw)
    except ValidationError as error:
        raise SettingsError(_sentence(error, sources)) from None
    return LoadedSettings(_settings(values), values, sources)


def _settings(values: dict[str, Any]) -> Settings:
    tokens = tuple(
        Token(
            name=token["name"],
            sha256=token["sha256"],
            roles=frozenset(token["roles"]),
            system=token["system"],
            systems=None if token["systems"] is None else frozenset(token["systems"]),
        )
        for token in values["tokens"]
    )
    paths = {name: Path(values[name]) for name in ("data_dir", "hypercorn_file")}
    return Settings(**{**values, **paths, "tokens": tokens, "redact_keys": tuple(values["redact_keys"])})


def _from_file(file: Path | None, environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    if file is None and environment.get(FILE_VARIABLE):
        file = Path(environment[FILE_VARIABLE])
    if file is None and not DEFAULT_FILE.exists():
        return {}
    file = file or DEFAULT_FILE
    values = read_toml(file)
    for name in values:
        _known(name, f"in {file}", FIELDS)
    return {name: (value, str(file)) for name, value in values.items()}


def read_toml(file: Path) -> dict[str, Any]:
    """Read a settings file.

    Raises:
        SettingsError: it cannot be read, or is not TOML; names it.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {file} is not valid TOML: {error}.") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    given = {}
    simple = {PREFIX + name.upper(): name for name, field in FIELDS.items() if is_simple(field)}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE or not value:
            continue
        if variable.removeprefix(PREFIX).lower() in FIELDS and variable not in simple:
            raise SettingsError(f"Setting {variable} in the environment: it can only be set in the settings file.")
        _known(variable, "in the environment", simple)
        given[simple[variable]] = (value, variable)
    return given


def _known(name: str, where: str, names: Mapping[str, Any]) -> None:
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise SettingsError(f"Unknown setting {name} {where}.{hint}")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _sentence(error: ValidationError, sources: Mapping[str, str]) -> str:
    return "\n".join(
        f"Setting {path} (from {sources[path.split('.')[0]]}): {' '.join(messages)}"
        for path, messages in flatten(error.messages_dict)
    )


def check_token(entry: Mapping[str, Any]) -> None:
    """Make sure that an entry of ``[[tokens]]`` can be pasted into the settings file.

    Raises:
        SettingsError: a field cannot be used.
    """
    faults = dict(flatten(TokenSchema().validate(entry)))
    if faults:
        raise SettingsError("; ".join(f"{field}: {' '.join(messages)}" for field, messages in faults.items()))


def check_system(name: str) -> None:
    """Make sure that a name can be a system's.

    Raises:
        SettingsError: it cannot.
    """
    faults = SnapshotSchema(only=["system"]).validate({"system": name})
    if faults:
        raise SettingsError(f"{name!r} cannot be the name of a system: {' '.join(faults['system'])}")


def is_simple(field: fields.Field[Any]) -> bool:
    """Tell whether a setting is one value, which a variable or an option can give; the others are for the file."""
    return not isinstance(field, fields.List | fields.Dict)


def masked(loaded: LoadedSettings) -> list[tuple[str, str, str]]:
    """List the effective settings for a person.

    Returns:
        ``(setting, value, source)`` in the schema's order, secrets as ``****``.
    """
    return [(name, _shown(name, loaded.values[name]), loaded.sources[name]) for name in FIELDS]


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if FIELDS[name].metadata["secret"]:
        return "****"
    if isinstance(value, list | dict) and name != "tokens":
        return json.dumps(value)
    if name == "tokens":
        return ", ".join(f"{token['name']} ({'+'.join(token['roles'])})" for token in value)
    return str(value)

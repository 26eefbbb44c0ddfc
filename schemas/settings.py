"""What ``config/receiver.toml``, ``RECEIVER_<NAME>`` and the options of ``receiver serve`` may say.

The description and default of each setting stand here once: ``--help``, ``receiver check-config`` and the table in
``docs/deployment.md`` are made from them.
"""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

ROLES = ("ingest", "read", "operate")
MIB = 1024 * 1024
MINUTE = 60
DAY = 24 * 60 * MINUTE

# With * for anything; letter case, - and _ make no difference.
REDACT_KEYS = (
    "*password*",
    "*passwd*",
    "*secret*",
    "*token*",
    "*api_key*",
    "*apikey*",
    "*access_key*",
    "*private_key*",
    "*credential*",
    "authorization",
    "proxy_authorization",
    "cookie",
    "cookies",
    "set_cookie",
    "http_authorization",
    "http_cookie",
    "php_auth_pw",
    "*card_number*",
    "cvc",
    "cvv",
)

SYSTEM_NAME = validate.Length(min=1, max=200)


def about(description: str, *, secret: bool = False) -> dict[str, Any]:
    """Return the metadata of a setting: what it does, and whether its value may be shown."""
    return {"description": description, "secret": secret}


class Strict(Schema):
    """A schema that refuses what it does not know."""

    class Meta:
        """Unknown settings stop the start."""

        unknown = RAISE


class WholeNumber(fields.Integer):
    """An integer, or a string of one as environments have it; ``3.5`` is not rounded but refused."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, float):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class TokenSchema(Strict):
    """One ``[[tokens]]`` table: who may do what; the token itself is not stored, only its digest."""

    name = fields.String(required=True, validate=validate.Length(min=1, max=100))
    sha256 = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9a-f]{64}\Z", error="Must be 64 lower-case hexadecimal digits."),
        metadata=about("SHA-256 of the token", secret=True),
    )
    roles = fields.List(fields.String(validate=validate.OneOf(ROLES)), required=True, validate=validate.Length(min=1))
    system = fields.String(
        load_default=None, validate=SYSTEM_NAME, metadata=about("what is posted with this token is this system's")
    )
    systems = fields.List(
        fields.String(validate=SYSTEM_NAME), load_default=None, metadata=about("the only systems it may post for")
    )


class SettingsSchema(Strict):
    """The settings of the receiver, all optional."""

    host = fields.String(
        load_default="127.0.0.1", metadata=about("address to listen on; `0.0.0.0` for every interface")
    )
    port = WholeNumber(
        load_default=3001, validate=validate.Range(0, 65535), metadata=about("port to listen on; 0 picks a free one")
    )
    mongodb_uri = fields.String(
        load_default=None,
        validate=validate.Regexp(r"^mongodb(\+srv)?://", error="Must begin with mongodb:// or mongodb+srv://."),
        metadata=about("MongoDB to use; without it an embedded one is started", secret=True),
    )
    database = fields.String(
        load_default="monitoring",
        validate=validate.Regexp(r"^[A-Za-z0-9_-]{1,63}\Z", error="Must be 1 to 63 letters, digits, _ or -."),
        metadata=about("name of the database"),
    )
    data_dir = fields.String(
        load_default=".receiver",
        validate=validate.Length(min=1),
        metadata=about("folder for the embedded MongoDB and the generated token"),
    )
    token = fields.String(
        load_default=None,
        validate=validate.Length(min=1),
        metadata=about("one token with every role, for a quick start", secret=True),
    )
    tokens = fields.List(
        fields.Nested(TokenSchema),
        load_default=list,
        metadata=about("`[[tokens]]` tables, in the file only; `receiver token new` prints one"),
    )
    workers = WholeNumber(
        load_default=1, validate=validate.Range(1, 64), metadata=about("processes that answer requests")
    )
    max_body_bytes = WholeNumber(
        load_default=32 * MIB,
        validate=validate.Range(1024, 256 * MIB),
        metadata=about("largest body, compressed and inflated alike; beyond it 413"),
    )
    body_timeout_seconds = fields.Float(
        load_default=30.0,
        validate=validate.Range(0.1, 3600),
        metadata=about("a body that takes longer to arrive is answered 408 and cut off"),
    )
    header_timeout_seconds = fields.Float(
        load_default=10.0,
        validate=validate.Range(0.1, 3600),
        metadata=about("an idle connection, or one whose headers take longer, is closed"),
    )
    store_timeout_seconds = fields.Float(
        load_default=4.0,
        validate=validate.Range(0.1, 60),
        metadata=about("how long a request waits for MongoDB before it is answered 503"),
    )
    shutdown_timeout_seconds = fields.Float(
        load_default=7.0,
        validate=validate.Range(0.1, 300),
        metadata=about("how long requests in flight may take after SIGTERM"),
    )
    retention_days = WholeNumber(
        load_default=30,
        validate=validate.Range(1, 36500),
        metadata=about("snapshots are deleted so many days after they were received"),
    )
    entries_retention_days = WholeNumber(
        load_default=90,
        validate=validate.Range(1, 36500),
        metadata=about("rows of entries are deleted so many days after they were received"),
    )
    rates_retention_days = WholeNumber(
        load_default=400,
        validate=validate.Range(1, 36500),
        metadata=about("rates are deleted so many days after the last snapshot that told of them was received"),
    )
    redact_keys = fields.List(
        fields.String(validate=validate.Length(min=1)),
        load_default=lambda: list(REDACT_KEYS),
        metadata=about("what stands under these keys is not stored, in the file only; the list is below"),
    )
    utc_offsets = fields.Dict(
        keys=fields.String(validate=SYSTEM_NAME),
        values=WholeNumber(validate=validate.Range(-12 * 60, 14 * 60)),
        load_default=dict,
        metadata=about("system → minutes east of UTC, where it should not be inferred; a table, in the file only"),
    )
    embedded_cache_mb = WholeNumber(
        load_default=256,
        validate=validate.Range(256, 1024 * 1024),
        metadata=about("memory for the cache of the embedded MongoDB, in MiB"),
    )
    hypercorn_file = fields.String(
        load_default="config/hypercorn.toml",
        metadata=about("Hypercorn's own settings, TLS for example; read if it is there"),
    )
    log_level = fields.String(
        load_default="info",
        validate=validate.OneOf(("debug", "info", "warning", "error")),
        metadata=about("least severe log line that is written"),
    )
    log_format = fields.String(
        load_default="auto",
        validate=validate.OneOf(("auto", "console", "json")),
        metadata=about("`auto` is for people on a terminal and JSON elsewhere"),
    )

    @validates_schema
    def _distinct_tokens(self, data: dict[str, Any], **_: Any) -> None:
        names = [token["name"] for token in data.get("tokens", [])]
        if len(names) != len(set(names)):
            raise ValidationError("Two tokens have the same name.", "tokens")

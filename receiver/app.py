"""The only wiring: settings in, application out."""

import hashlib

from quart import Quart

from receiver.clock import Clock, utc_now
from receiver.errors import SettingsError
from receiver.settings import Settings, Token
from receiver.store.connection import Store
from receiver.web.access import Access
from receiver.web.envelope import register_error_answers
from receiver.web.health import health_blueprint
from receiver.web.monitoring import monitoring_blueprint
from receiver.web.request_log import register_request_log
from schemas.settings import ROLES


def create_app(settings: Settings, clock: Clock = utc_now) -> Quart:
    """Make the application; it connects to MongoDB when it starts serving and does not wait for it.

    Args:
        settings: effective, with ``mongodb_uri`` set.
        clock: what time it is.

    Raises:
        SettingsError: ``mongodb_uri`` is not set.
    """
    if settings.mongodb_uri is None:
        raise SettingsError("The application needs mongodb_uri; only `receiver serve` starts an embedded MongoDB.")
    app = Quart("receiver", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["BODY_TIMEOUT"] = settings.body_timeout_seconds
    access = Access(known_tokens(settings))
    register_request_log(app)
    register_error_answers(app, clock)
    store = Store(
        settings.mongodb_uri,
        settings.database,
        retention_days=settings.retention_days,
        timeout_seconds=settings.store_timeout_seconds,
    )
    app.before_serving(store.open)
    app.after_serving(store.close)
    app.register_blueprint(health_blueprint(store))
    app.register_blueprint(monitoring_blueprint(access, store, settings.max_body_bytes, clock))
    return app


def known_tokens(settings: Settings) -> tuple[Token, ...]:
    """List the configured tokens; ``token`` is one named ``default`` with every role."""
    if settings.token is None:
        return settings.tokens
    digest = hashlib.sha256(settings.token.encode()).hexdigest()
    return (*settings.tokens, Token("default", digest, frozenset(ROLES)))

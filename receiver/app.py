"""The only wiring: settings in, application out."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

from quart import Quart

from receiver.clock import Clock, utc_now
from receiver.errors import SettingsError, StoreUnavailable
from receiver.intake.redact import Redaction
from receiver.intake.rollup import RollUps
from receiver.intake.sweep import Sweep, keep_whole
from receiver.settings import Settings, Token
from receiver.store.connection import Store
from receiver.store.layout import Retention
from receiver.web.access import Access
from receiver.web.failures import register_error_answers
from receiver.web.health import health_blueprint
from receiver.web.monitoring import Reception, monitoring_blueprint
from receiver.web.rates import rates_blueprint
from receiver.web.reading import Reading
from receiver.web.request_log import RequestLog
from receiver.web.snapshots import snapshots_blueprint
from receiver.web.systems import systems_blueprint
from schemas.settings import ROLES

LAST_ROLL_UPS_SECONDS = 2.0


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
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # they are answered in HTML
    app.config["BODY_TIMEOUT"] = settings.body_timeout_seconds
    register_error_answers(app, clock)
    store = Store(
        settings.mongodb_uri,
        settings.database,
        retention=retention_of(settings),
        timeout_seconds=settings.store_timeout_seconds,
    )
    roll_ups = RollUps(store)

    @app.while_serving
    async def _lifespan() -> AsyncGenerator[None, None]:
        await store.open()
        async with _at_work(roll_ups, Sweep(store, roll_ups, clock)):
            yield
        await store.close()

    access = Access(known_tokens(settings))
    app.register_blueprint(health_blueprint(store))
    app.register_blueprint(
        monitoring_blueprint(
            Reception(
                access=access,
                store=store,
                roll_ups=roll_ups,
                redaction=Redaction(settings.redact_keys),
                utc_offsets=settings.utc_offsets,
                max_body_bytes=settings.max_body_bytes,
                clock=clock,
            )
        )
    )
    reading = Reading(access, store, clock)
    for blueprint in (systems_blueprint, snapshots_blueprint, rates_blueprint):
        app.register_blueprint(blueprint(reading))
    app.asgi_app = RequestLog(app.asgi_app, clock)  # type: ignore[method-assign]  # as Quart wants to be wrapped
    return app


@asynccontextmanager
async def _at_work(roll_ups: RollUps, sweep: Sweep) -> AsyncIterator[None]:
    """Keep ``rates`` up to date meanwhile; in the end, what is wanted is done as far as there is time."""
    tasks = [asyncio.create_task(roll_ups.run()), asyncio.create_task(keep_whole(sweep))]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with suppress(StoreUnavailable, TimeoutError):  # what is left is done at the next start
        await asyncio.wait_for(roll_ups.run_once(), LAST_ROLL_UPS_SECONDS)


def retention_of(settings: Settings) -> Retention:
    """Return how long documents are kept."""
    return Retention(settings.retention_days, settings.entries_retention_days, settings.rates_retention_days)


def known_tokens(settings: Settings) -> tuple[Token, ...]:
    """List the configured tokens; ``token`` is one named ``default`` with every role."""
    if settings.token is None:
        return settings.tokens
    digest = hashlib.sha256(settings.token.encode()).hexdigest()
    return (*settings.tokens, Token("default", digest, frozenset(ROLES)))

"""``/healthz``: the process answers. ``/readyz``: it could store a snapshot now."""

from quart import Blueprint, Response

from receiver import __version__
from receiver.store.connection import Store
from receiver.web.envelope import answer
from receiver.web.request_log import tell


def health_blueprint(store: Store) -> Blueprint:
    """Make the two routes; neither asks for a token."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    async def healthz() -> Response:
        tell(outcome="alive")
        return answer({"success": True, "data": {"status": "alive", "version": __version__}})

    @blueprint.get("/readyz")
    async def readyz() -> Response:
        await store.check()
        tell(outcome="ready")
        return answer({"success": True, "data": {"status": "ready"}})

    return blueprint

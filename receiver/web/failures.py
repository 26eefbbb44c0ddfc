"""Every failure of a route, answered in the envelope."""

import structlog
from quart import Quart, Response
from werkzeug.exceptions import HTTPException, InternalServerError

from receiver.clock import Clock
from receiver.errors import ErrorCode, Refusal, StoreUnavailable
from receiver.web.envelope import error_body, framework_refusal, store_refusal
from receiver.web.request_log import request_id, tell

log = structlog.get_logger()


def register_error_answers(app: Quart, clock: Clock) -> None:
    """Have every failure, on every path, answered in the envelope."""

    def refused(refusal: Refusal) -> Response:
        tell(outcome=refusal.code)
        body = error_body(refusal, clock, request_id())
        return Response(body, refusal.status, refusal.headers, content_type="application/json")

    @app.errorhandler(Refusal)
    async def _refusal(error: Refusal) -> Response:
        return refused(error)

    @app.errorhandler(StoreUnavailable)
    async def _store_unavailable(error: StoreUnavailable) -> Response:
        tell(reason=str(error))
        return refused(store_refusal(error))

    @app.errorhandler(HTTPException)
    async def _framework(error: HTTPException) -> Response:
        return refused(framework_refusal(error))

    @app.errorhandler(InternalServerError)
    async def _framework_fault(error: InternalServerError) -> Response:
        return fault(error.original_exception or error)

    @app.errorhandler(Exception)
    async def _fault(error: Exception) -> Response:
        return fault(error)

    def fault(error: BaseException) -> Response:
        log.error("fault", request_id=request_id(), exc_info=error)
        message = "The receiver failed; its log has the details under this request_id"
        return refused(Refusal(ErrorCode.SERVER_ERROR, message))

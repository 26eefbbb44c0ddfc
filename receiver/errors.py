"""What can go wrong, in words for a person and in codes for a program."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """The ``error_code`` of an answer; each belongs to one HTTP status."""

    MISSING_TOKEN = "MISSING_TOKEN"  # noqa: S105 - the name of an error
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - the name of an error
    FORBIDDEN = "FORBIDDEN"
    MISSING_FIELDS = "MISSING_FIELDS"
    INVALID_DATA = "INVALID_DATA"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RATE_LIMITED = "RATE_LIMITED"
    SERVER_ERROR = "SERVER_ERROR"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"


STATUS = {
    ErrorCode.MISSING_TOKEN: 401,
    ErrorCode.INVALID_TOKEN: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.MISSING_FIELDS: 400,
    ErrorCode.INVALID_DATA: 400,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.REQUEST_TIMEOUT: 408,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.SERVER_ERROR: 500,
    ErrorCode.STORE_UNAVAILABLE: 503,
}

FieldErrors = dict[str, list[str]]


class ReceiverError(Exception):
    """Something a person has to know; its text is one sentence that says what to do."""


class SettingsError(ReceiverError):
    """A setting is unknown or has a value that cannot be used; names the setting and its source."""


class EmbeddedMongoError(ReceiverError):
    """The embedded MongoDB is not to be had on this machine, or does not start."""


class StoreUnavailable(ReceiverError):  # noqa: N818 - it reads as what it is
    """MongoDB cannot take a write now; the text is the reason, without addresses or credentials."""


class TooSlow(StoreUnavailable):
    """MongoDB is there, but one piece of work takes longer than it may."""


class Refusal(ReceiverError):  # noqa: N818 - it reads as what it is
    """A request that is answered with an error.

    Args:
        code: decides the HTTP status.
        message: for a person; never an exception's text, never a value from the body.
        errors: field path → messages, where fields are at fault.
        headers: further response headers.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        errors: FieldErrors | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = errors
        self.headers = headers or {}

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return STATUS[self.code]

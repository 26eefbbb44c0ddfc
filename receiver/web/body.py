"""The bytes of a body: of the right type, within bounds, inflated."""

import zlib

from quart import Request

from receiver.errors import ErrorCode, Refusal

GZIP = 16 + zlib.MAX_WBITS  # the gzip container, and nothing else


async def read_json_bytes(request: Request, limit: int) -> bytes:
    """Read a body that says it is JSON; Quart bounds its size and the time it may take.

    Args:
        limit: bytes, of the body as sent and inflated alike.

    Raises:
        Refusal: another type or encoding, too large, or not what its encoding says.
        RequestEntityTooLarge, RequestTimeout: from Quart.
    """
    _check_type(request)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding must be gzip, or left out")
    body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    return inflate(body, limit) if encoding.endswith("gzip") else body


def _check_type(request: Request) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
        raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json, in UTF-8")


def inflate(body: bytes, limit: int) -> bytes:
    """Inflate a gzip body without ever holding more than the limit allows.

    Raises:
        Refusal: it inflates to more than ``limit`` bytes, is not gzip, not whole, or more than one file.
    """
    stream = zlib.decompressobj(GZIP)
    try:
        inflated = stream.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal(ErrorCode.INVALID_DATA, "The body is not valid gzip") from None
    if len(inflated) > limit:
        raise Refusal(ErrorCode.PAYLOAD_TOO_LARGE, f"The body inflates to more than {limit} bytes")
    # Several files one after the other are gzip too, but millions of empty ones are only a way to keep us busy.
    if not stream.eof or stream.unused_data:
        raise Refusal(ErrorCode.INVALID_DATA, "The body is not one whole gzip file")
    return inflated

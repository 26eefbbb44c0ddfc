"""Who is asking, and may they?"""

import hashlib
import hmac
from collections.abc import Iterable

from quart import Request

from receiver.errors import ErrorCode, Refusal
from receiver.settings import Token

BEARER = "bearer "


class Access:
    """The known tokens.

    Args:
        tokens: as configured; only their digests are known.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._tokens = [(bytes.fromhex(token.sha256), token) for token in tokens]

    def require(self, request: Request, role: str) -> Token:
        """Identify the caller and make sure that they have a role.

        Raises:
            Refusal: no token, a wrong one, or one without the role.
        """
        token = self._identify(presented_token(request))
        if role not in token.roles:
            raise Refusal(ErrorCode.FORBIDDEN, f"This token does not have the role {role}")
        return token

    def _identify(self, presented: str) -> Token:
        # Headers arrive as Latin-1: this gives back the bytes that were sent.
        digest = hashlib.sha256(presented.encode("latin-1", "replace")).digest()
        found = None
        for known, token in self._tokens:  # every one is compared, so that the time tells nothing
            if hmac.compare_digest(known, digest):
                found = token
        if found is None:
            raise Refusal(ErrorCode.INVALID_TOKEN, "Invalid API token")
        return found


def presented_token(request: Request) -> str:
    """Return the token of ``X-API-Token``, or of ``Authorization: Bearer``.

    Raises:
        Refusal: neither is there, or both are empty.
    """
    token: str = request.headers.get("X-API-Token", "")
    if not token:
        authorization: str = request.headers.get("Authorization", "")
        if authorization[: len(BEARER)].lower() == BEARER:
            token = authorization[len(BEARER) :].strip()
    if not token:
        raise Refusal(ErrorCode.MISSING_TOKEN, "X-API-Token header required")
    return token


def allowed_system(token: Token, system: str) -> str:
    """Decide which system a snapshot is for: the token's own if it has one, or else the body's.

    Raises:
        Refusal: the token may not post for it.
    """
    system = token.system or system
    if token.systems is not None and system not in token.systems:
        raise Refusal(ErrorCode.FORBIDDEN, "This token may not post for this system")
    return system

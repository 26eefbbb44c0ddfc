"""What the reading addresses have in common: who may read, from where, at what time."""

from dataclasses import dataclass

from quart import Request

from receiver.clock import Clock
from receiver.store.connection import Store
from receiver.web.access import Access
from receiver.web.request_log import tell


@dataclass(frozen=True)
class Reading:
    """What these routes need.

    Args:
        access: who may read.
        store: from where.
        clock: what time it is.
    """

    access: Access
    store: Store
    clock: Clock

    def admit(self, request: Request) -> None:
        """Make sure that the caller may read.

        Raises:
            Refusal: no token, a wrong one, or one without the role ``read``.
        """
        tell(token=self.access.require(request, "read").name, outcome="read")

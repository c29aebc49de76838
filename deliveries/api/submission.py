"""A request to publish, as a door hands it on."""

from typing import NamedTuple
from uuid import UUID

from deliveries.api.publish_headers import PublishHeaders
from endpoints.principals import Principal


class Submission(NamedTuple):
    """One request to publish, complete, of a caller who may."""

    route: str
    query: bytes
    headers: PublishHeaders
    principal: Principal
    #: The tenant's id or uid, as the path has it.
    app: str
    body: bytes
    #: Names the request where the client did not. A single event takes it for its own id, so that
    #: one tells the other, and one is stored.
    own: UUID

    @property
    def request_id(self) -> str:
        return self.headers.request_id or self.own.hex

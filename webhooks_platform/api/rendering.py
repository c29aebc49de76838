"""Answers as JSON bytes: the same writer for DRF and for the publish door.

Times are RFC 3339 in UTC with `Z`; an orjson.Fragment puts a payload's own bytes into the answer.
"""

from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS


def to_json(value: Any) -> bytes:
    """Return `value` as JSON text; what orjson does not know is written as its str()."""
    return orjson.dumps(value, default=str, option=_OPTIONS)


class JSONRenderer(BaseRenderer):
    """Writes an answer's data; no data is no body, as for 204."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Any = None,
    ) -> bytes:
        return b"" if data is None else to_json(data)


class OnlyJSON(BaseContentNegotiation):
    """Answers JSON whatever the client says it accepts: there is nothing else, not even a 406."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        return next(iter(parsers), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type

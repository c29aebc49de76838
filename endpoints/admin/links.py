"""Links from public ids to the admin's pages of what they name."""

from typing import Final

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from endpoints.access import Access
from endpoints.roles import Capability
from webhooks_platform.lib import ids

#: Prefix of a public id -> name of the admin page; deliveries' pages are known by name only.
PAGES: Final = {
    ids.ORGANIZATION: "endpoints_organization",
    ids.TENANT: "endpoints_tenant",
    ids.ENDPOINT: "endpoints_endpoint",
    ids.API_KEY: "endpoints_apikey",
    "evtype_": "endpoints_eventtype",
    ids.EVENT: "deliveries_event",
    ids.DELIVERY: "deliveries_delivery",
    ids.ATTEMPT: "deliveries_attempt",
    ids.DEAD_LETTER: "deliveries_deadletter",
    ids.REPLAY: "deliveries_replay",
}
#: Pages of operators alone.
OPERATORS_ONLY: Final = (ids.ORGANIZATION, ids.API_KEY)


def page_of(text: str) -> str | None:
    """Return the path of the page that a public id names, or None for other text."""
    for prefix, name in PAGES.items():
        if text.startswith(prefix):
            try:
                return reverse(f"admin:{name}_change", args=[ids.from_text(prefix, text)])
            except ids.MalformedIdError:
                return None
    return None


def target_link(text: str, reader: Access | None = None) -> SafeString | str:
    """Return a public id as a link to its page, if the reader may open it; other text as it is."""
    hidden = text.startswith(OPERATORS_ONLY) and not (reader and reader.may(Capability.OPERATE))
    path = None if hidden else page_of(text)
    return text if path is None else format_html('<a href="{}">{}</a>', path, text)

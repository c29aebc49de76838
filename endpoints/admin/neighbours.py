"""Links from an object's page to the lists of what belongs to it."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


def neighbours(*lists: tuple[str, str, Mapping[str, object]]) -> SafeString:
    """Return links to filtered lists: each with a text, its page's name and its query."""
    return format_html_join(
        " · ",
        '<a href="{}?{}">{}</a>',
        (
            (reverse(f"admin:{name}_changelist"), urlencode(dict(query)), text)
            for text, name, query in lists
        ),
    )

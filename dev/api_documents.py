"""`make openapi`: the OpenAPI document and the Postman collection in docs/, from the code."""

import json
from typing import Any

import django

from dev.postman import collection
from dev.services import CHECKOUT
from dev.terminal import run, say

OPENAPI = CHECKOUT / "docs" / "openapi.json"
POSTMAN = CHECKOUT / "docs" / "postman_collection.json"


def texts() -> dict[str, str]:
    """Return both files' texts by their names; Django is set up."""
    from webhooks_platform.api.document import document  # noqa: PLC0415  Its settings come first.

    found = json.loads(document())
    return {OPENAPI.name: _text(found), POSTMAN.name: _text(collection(found))}


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    django.setup()
    for name, text in texts().items():
        (OPENAPI.parent / name).write_text(text)
        say(f"written    docs/{name}")
    return 0


if __name__ == "__main__":
    run(main)

"""The official svix SDK, with a key of the default organization."""

from collections.abc import Iterator
from typing import Any

import pytest
from svix.api import Svix, SvixOptions

from endpoints import api_keys
from tests import rows


@pytest.fixture
def svix(live_server: Any) -> Iterator[Svix]:
    _, key = api_keys.create(
        organization=rows.organization(), name="sdk", scopes=["publish", "manage"]
    )
    with_key = Svix(key, SvixOptions(server_url=live_server.url))
    yield with_key
    # The SDK has no way to close its connections.
    with_key._httpx_client.close()

"""Settings of the tests: the platform's own, over stores that are started first."""

from tests.stores import use_stores

use_stores()

from webhooks_platform.settings import *  # noqa: E402, F403  The stores come first.

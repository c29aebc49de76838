"""The ASGI application, for the server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webhooks_platform.settings")
django = get_wsgi_application()

from webhooks_platform.web import Application  # noqa: E402 - models need Django to be set up.

application = Application(django)

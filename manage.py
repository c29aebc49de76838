#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db.utils import OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webhooks_platform.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        from webhooks_platform import env  # noqa: PLC0415 - reads the environment.

        # The server itself gives its errors a state; without one there was no server.
        if env.uses_embedded_stores() and getattr(error.__cause__, "sqlstate", None) is None:
            sys.exit(env.STORES_DOWN)
        raise


if __name__ == "__main__":
    main()

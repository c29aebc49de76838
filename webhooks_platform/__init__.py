"""Wiring: settings, server, Celery; it knows the apps, and they do not know it (lib apart)."""

from django.apps import AppConfig


class WebhooksPlatformConfig(AppConfig):
    name = "webhooks_platform"

    def ready(self) -> None:
        """Register the checks; make the Celery app the default, so that tasks find its broker."""
        from webhooks_platform import checks  # noqa: F401, PLC0415 - needs the settings.
        from webhooks_platform.celery import app  # noqa: PLC0415 - as above.

        app.set_default()

from django.apps import AppConfig


class EndpointsConfig(AppConfig):
    name = "endpoints"

    def ready(self) -> None:
        """Register the system checks."""
        from endpoints import checks  # noqa: F401, PLC0415 - models can be imported from here on.

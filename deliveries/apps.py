from django.apps import AppConfig


class DeliveriesConfig(AppConfig):
    name = "deliveries"

    def ready(self) -> None:
        # Models can be imported only now.
        from deliveries.announcements import store  # noqa: PLC0415
        from deliveries.closing import settle_closed  # noqa: PLC0415
        from deliveries.tenant_end import end_tenant  # noqa: PLC0415
        from endpoints.announcing import on_announced  # noqa: PLC0415
        from endpoints.closing import on_closed, on_tenant_deleted  # noqa: PLC0415

        on_closed(settle_closed)
        on_tenant_deleted(end_tenant)
        on_announced(store)

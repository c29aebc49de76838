"""Every path of the platform but the publish door's, which asgi.py serves."""

from django.contrib import admin
from django.urls import include, path

from webhooks_platform import health
from webhooks_platform.metrics_page import metrics

admin.site.site_header = admin.site.site_title = "Webhooks platform"
admin.site.index_title = "Overview"
# The lists need the width; base_site.html has links in its head instead.
admin.site.enable_nav_sidebar = False
admin.site.site_url = None

urlpatterns = [
    *health.urlpatterns,
    path("metrics", metrics),
    path("", include("webhooks_platform.for_people")),
    path("", include("webhooks_platform.api.docs")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("endpoints.api.urls")),
    path("api/v1/", include("deliveries.api.urls")),
]

handler400 = "webhooks_platform.api.exceptions.handler400"
handler403 = "webhooks_platform.api.exceptions.handler403"
handler404 = "webhooks_platform.api.exceptions.handler404"
handler500 = "webhooks_platform.api.exceptions.handler500"

"""Where the OpenAPI document and its page are found: `/api/v1/openapi.json`, `/docs`."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from drf_spectacular.views import SpectacularSwaggerSplitView

from webhooks_platform.api.document import document
from webhooks_platform.api.safe_methods import only_safe


def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(document(), content_type="application/json")


def root(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/docs", status=307)


urlpatterns = [
    path("", root),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="docs"),
    path("api/v1/openapi.json", only_safe(openapi), name="openapi"),
]

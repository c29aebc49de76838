"""What people type and browsers ask for. Only these redirect: clients of the API follow none."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.generic import RedirectView


def no_icon(request: HttpRequest) -> HttpResponse:
    """Every page makes a browser ask for one; an error would stand in its console."""
    return HttpResponse(status=204, headers={"Cache-Control": "public, max-age=86400"})


def portal(request: HttpRequest) -> HttpResponse:
    """The same page for everyone: what it shows, its script asks the API for."""
    return render(request, "portal/portal.html")


urlpatterns = [
    path("admin", RedirectView.as_view(url="/admin/", query_string=True)),
    path("docs/", RedirectView.as_view(url="/docs")),
    path("portal", portal),
    path("favicon.ico", no_icon),
]

"""The admin's page of an endpoint, and what can be done to one: rotate, disable, enable, delete.

Everything goes through lifecycle.py and rotation.py, so it is audited, raises the version and
ends deliveries exactly as it does through the API.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from endpoints import lifecycle, rotation
from endpoints.admin_forms import (
    HOUR_SECONDS,
    ConfirmForm,
    DisableForm,
    EndpointForm,
    RotateSecretForm,
)
from endpoints.admin_scope import TenantModelAdmin, actor
from endpoints.audit import record_endpoint
from endpoints.models import Endpoint
from endpoints.rotation import TooManySecretsError
from webhooks_platform.lib import ids

READ_ONLY = ("wire_id", "disabled_at", "disabled_reason", "version", "created_at", "updated_at")


@admin.register(Endpoint)
class EndpointAdmin(TenantModelAdmin):
    form = EndpointForm
    id_prefix = ids.ENDPOINT
    change_form_template = "admin/endpoints/endpoint/change_form.html"
    list_display = ["wire_id", "tenant", "uid", "url", "is_enabled", "created_at"]
    list_display_links = ["wire_id"]
    list_select_related = ["tenant"]
    list_filter = ["disabled_reason"]
    search_fields = ["uid", "tenant__uid", "url"]
    readonly_fields = READ_ONLY

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(deleted_at__isnull=True).order_by("-id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.is_open_to(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what cannot be edited; an endpoint stays with its tenant."""
        return READ_ONLY if obj is None else ("tenant", *READ_ONLY)

    @admin.display(boolean=True, description="enabled")
    def is_enabled(self, endpoint: Endpoint) -> bool:
        return endpoint.disabled_at is None

    def save_model(
        self, request: HttpRequest, obj: Endpoint, form: EndpointForm, change: bool
    ) -> None:
        if change:
            saved = lifecycle.update(obj, form.values, actor=actor(request))
        else:
            saved = lifecycle.create(obj.tenant, form.values, actor=actor(request))
        # The admin goes on with its own object, for the log and the redirect.
        obj.__dict__.update(saved.__dict__)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(
                f"<path:object_id>/{name}/",
                wrap(view),
                name=f"endpoints_endpoint_{name.replace('-', '_')}",
            )
            for name, view in (
                ("rotate-secret", self.rotate_secret),
                ("disable", self.disable),
                ("enable", self.enable),
                ("end", self.end),
            )
        ]
        return own + super().get_urls()

    def rotate_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make another secret the current one, and show it this one time."""
        endpoint = self._changeable(request, object_id)
        form = RotateSecretForm(_sent(request))
        if request.method != "POST" or not form.is_valid():
            return self._ask(request, endpoint, form, "Rotate the signing secret")
        try:
            material = rotation.rotate(
                endpoint,
                key=form.cleaned_data["key"],
                grace_seconds=form.cleaned_data["overlap_hours"] * HOUR_SECONDS,
                actor=actor(request),
            )
        except TooManySecretsError:
            form.add_error("overlap_hours", "Ten previous secrets still sign; choose 0 hours.")
            return self._ask(request, endpoint, form, "Rotate the signing secret")
        record_endpoint(actor(request), "secret.revealed", endpoint)
        return self._show(request, endpoint, material.receiver_text)

    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._changeable(request, object_id)
        form = DisableForm(_sent(request))
        if request.method != "POST" or not form.is_valid():
            return self._ask(request, endpoint, form, "Disable the endpoint")
        lifecycle.disable(endpoint, actor=actor(request), note=form.cleaned_data["note"])
        return self._done(request, endpoint, "The endpoint is disabled.")

    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._changeable(request, object_id)
        if request.method != "POST":
            return self._ask(request, endpoint, ConfirmForm(), "Enable the endpoint")
        lifecycle.enable(endpoint, actor=actor(request))
        return self._done(request, endpoint, "The endpoint is enabled.")

    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._changeable(request, object_id)
        if request.method != "POST":
            return self._ask(request, endpoint, ConfirmForm(), "Delete the endpoint")
        lifecycle.delete(endpoint, actor=actor(request))
        self.message_user(request, "The endpoint is deleted.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:endpoints_endpoint_changelist"))

    def _changeable(self, request: HttpRequest, object_id: str) -> Endpoint:
        endpoint: Endpoint | None = self.get_object(request, object_id)
        if endpoint is None:
            raise Http404
        if not self.has_change_permission(request, endpoint):
            raise PermissionDenied
        return endpoint

    def _done(self, request: HttpRequest, endpoint: Endpoint, message: str) -> HttpResponse:
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:endpoints_endpoint_change", args=[endpoint.pk]))

    def _ask(
        self, request: HttpRequest, endpoint: Endpoint, form: forms.Form, title: str
    ) -> HttpResponse:
        return self._page(request, endpoint, title=title, form=form)

    def _show(self, request: HttpRequest, endpoint: Endpoint, secret: str) -> HttpResponse:
        return self._page(request, endpoint, title="The new signing secret", secret=secret)

    def _page(self, request: HttpRequest, endpoint: Endpoint, **context: Any) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "original": endpoint}
        return TemplateResponse(
            request, "admin/endpoints/endpoint/decide.html", {**shared, **context}
        )


def _sent(request: HttpRequest) -> Any:
    """Return what was posted, even if it is nothing; None shows an empty form."""
    return request.POST if request.method == "POST" else None

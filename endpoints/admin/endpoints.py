"""The page of an endpoint, and what can be done to one: rotate, reveal, disable, enable, delete.

Everything goes through lifecycle.py and rotation.py, so it is audited, raises the version and
ends deliveries exactly as it does through the API. What needs deliveries is added by theirs
(deliveries/admin/endpoints.py).
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from endpoints import lifecycle, rotation
from endpoints.admin.filters import TenantFilter
from endpoints.admin.forms import (
    HOUR_SECONDS,
    ConfirmForm,
    EndpointForm,
    ReasonForm,
    RotateSecretForm,
)
from endpoints.admin.neighbours import neighbours
from endpoints.admin.pages import own_page, sent
from endpoints.admin.scope import TenantModelAdmin, access, actor
from endpoints.audit import record_endpoint
from endpoints.models import AuditEntry, Endpoint, SigningSecret
from endpoints.roles import Capability
from endpoints.rotation import TooManySecretsError
from webhooks_platform.lib import ids
from webhooks_platform.lib.keyring import KeyringError

READ_ONLY = (
    "wire_id", "secrets_state", "disabled_at", "disabled_reason", "version", "created_at",
    "updated_at", "see_also",
)  # fmt: skip


@admin.register(Endpoint)
class EndpointAdmin(TenantModelAdmin):
    changes = Capability.CONFIGURE
    form = EndpointForm
    id_prefix = ids.ENDPOINT
    change_form_template = "admin/endpoints/endpoint/change_form.html"
    list_display = ["wire_id", "tenant", "uid", "url", "is_enabled", "created_at"]
    list_display_links = ["wire_id"]
    list_select_related = ["tenant"]
    list_filter = ["disabled_reason", TenantFilter]
    search_fields = ["uid", "tenant__uid", "url"]
    search_help_text = "An id (ep_…), a uid, a tenant's uid, or a part of the URL"
    readonly_fields = READ_ONLY
    fields = (
        "wire_id", "tenant", "url", "uid", "description", "event_types", "channels",
        "throttle_rate", "metadata", "policy", *READ_ONLY[1:],
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(deleted_at__isnull=True).order_by("-id")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Choose the tenant beforehand where there is one to choose."""
        found = access(request).tenants(Capability.CONFIGURE)[:2]
        given = super().get_changeform_initial_data(request)
        return {"tenant": found[0].pk, **given} if len(found) == 1 else given

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else self.fields[1 : -len(READ_ONLY) + 1]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what cannot be edited; an endpoint stays with its tenant."""
        return READ_ONLY if obj is None else ("tenant", *READ_ONLY)

    @admin.display(boolean=True, description="enabled")
    def is_enabled(self, endpoint: Endpoint) -> bool:
        return endpoint.disabled_at is None

    @admin.display(description="signing secrets")
    def secrets_state(self, endpoint: Endpoint) -> str:
        """Say how many sign and until when; never what they are."""
        return "\n".join(map(_secret_line, endpoint.secrets.order_by("-id"))) or "none"

    @admin.display(description="see also")
    def see_also(self, endpoint: Endpoint) -> str:
        text = ids.to_text(ids.ENDPOINT, endpoint.pk)
        return neighbours(
            ("deliveries", "deliveries_delivery", {"endpoint": text}),
            ("attempts", "deliveries_attempt", {"endpoint": text}),
            ("dead letters", "deliveries_deadletter", {"endpoint": text}),
            ("audit log", "endpoints_auditentry", {"q": text}),
        )

    def save_model(
        self, request: HttpRequest, obj: Endpoint, form: EndpointForm, change: bool
    ) -> None:
        if change:
            saved = lifecycle.update(obj, form.values, actor=actor(request))
        else:
            saved = lifecycle.create(obj.tenant, form.values, actor=actor(request))
        # The admin goes on with its own object, for the log and the redirect.
        obj.__dict__.update(saved.__dict__)

    def own_pages(self) -> dict[str, Callable[..., HttpResponse]]:
        """Return the pages below an endpoint's, by the last part of their path."""
        return {
            "rotate-secret": self.rotate_secret,
            "reveal-secret": self.reveal_secret,
            "disable": self.disable,
            "enable": self.enable,
            "end": self.end,
        }

    def own_tools(self, endpoint: Endpoint) -> list[tuple[str, str]]:
        """Return titles and page names of the buttons on an endpoint's page."""
        switch = ("Enable", "enable") if endpoint.disabled_at else ("Disable", "disable")
        return [
            ("Rotate secret", "rotate-secret"),
            ("Reveal secret", "reveal-secret"),
            switch,
            ("Delete", "end"),
        ]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(f"<path:object_id>/{name}/", wrap(view), name=_page_name(name))
            for name, view in self.own_pages().items()
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        endpoint = self.get_object(request, object_id)
        tools: list[tuple[str, str]] = []
        if endpoint is not None:
            tools = [
                (title, reverse(f"admin:{_page_name(name)}", args=[endpoint.pk]))
                for title, name in self.own_tools(endpoint)
                if self.has_change_permission(request, endpoint)
            ]
        closing = _closing(endpoint) if endpoint and endpoint.disabled_at else ""
        context = {**(extra_context or {}), "own_tools": tools, "closing": closing}
        return super().change_view(request, object_id, form_url, context)

    def rotate_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make another secret the current one, and show it this one time."""
        endpoint, title = self._changeable(request, object_id), "Rotate the signing secret"
        form = RotateSecretForm(sent(request))
        if request.method != "POST" or not form.is_valid():
            return own_page(self, request, title, row=endpoint, about=endpoint.url, form=form)
        try:
            material = rotation.rotate(
                endpoint,
                key=form.cleaned_data["key"],
                grace_seconds=form.cleaned_data["overlap_hours"] * HOUR_SECONDS,
                actor=actor(request),
            )
        except TooManySecretsError:
            form.add_error("overlap_hours", "Ten previous secrets still sign; choose 0 hours.")
            return own_page(self, request, title, row=endpoint, about=endpoint.url, form=form)
        record_endpoint(actor(request), "secret.revealed", endpoint, reason="rotation")
        secret = material.receiver_text
        return own_page(self, request, "The new signing secret", row=endpoint, secret=secret)

    def reveal_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the current secret to somebody who says why; that is recorded first."""
        endpoint, title = self._changeable(request, object_id), "Reveal the signing secret"
        form = ReasonForm(sent(request))
        if request.method != "POST" or not form.is_valid():
            return own_page(self, request, title, row=endpoint, about=endpoint.url, form=form)
        try:
            material = rotation.reveal(endpoint, actor(request), reason=form.cleaned_data["note"])
        except KeyringError:
            form.add_error(None, "The secret cannot be decrypted; rotate it.")
            return own_page(self, request, title, row=endpoint, about=endpoint.url, form=form)
        secret = material.receiver_text
        return own_page(self, request, "The signing secret", row=endpoint, secret=secret)

    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._changeable(request, object_id)
        form = ReasonForm(sent(request))
        if request.method != "POST" or not form.is_valid():
            text = "Nothing more is sent to it. What waits is parked, and can be replayed later."
            return own_page(
                self, request, "Disable the endpoint", row=endpoint, about=endpoint.url,
                explanation=text, form=form,
            )  # fmt: skip
        lifecycle.disable(endpoint, actor=actor(request), note=form.cleaned_data["note"])
        return self.done(request, endpoint, "The endpoint is disabled.")

    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._changeable(request, object_id)
        form = ReasonForm(sent(request))
        if request.method != "POST" or not form.is_valid():
            text = "New events are sent to it again; what is parked stays parked."
            return own_page(
                self, request, "Enable the endpoint", row=endpoint, about=endpoint.url,
                explanation=text, form=form,
            )  # fmt: skip
        lifecycle.enable(endpoint, actor=actor(request), note=form.cleaned_data["note"])
        return self.done(request, endpoint, "The endpoint is enabled.")

    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self._changeable(request, object_id)
        if request.method != "POST":
            text = "What waits for it is cancelled. This cannot be undone."
            return own_page(
                self, request, "Delete the endpoint", row=endpoint, about=endpoint.url,
                explanation=text, form=ConfirmForm(),
            )  # fmt: skip
        lifecycle.delete(endpoint, actor=actor(request))
        self.message_user(request, "The endpoint is deleted.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:endpoints_endpoint_changelist"))

    def _changeable(self, request: HttpRequest, object_id: str) -> Endpoint:
        endpoint: Endpoint = self.get_or_refuse(request, object_id, Capability.CONFIGURE)
        return endpoint

    def done(self, request: HttpRequest, endpoint: Endpoint, message: str) -> HttpResponse:
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:endpoints_endpoint_change", args=[endpoint.pk]))


def _secret_line(secret: SigningSecret) -> str:
    hidden = "whsec_••••••••" if secret.kind == SigningSecret.Kind.HMAC else "whsk_••••••••"
    if secret.expires_at is None:
        return f"{hidden} current, since {secret.created_at:%Y-%m-%d %H:%M} UTC"
    return f"{hidden} previous, signs until {secret.expires_at:%Y-%m-%d %H:%M} UTC"


def _closing(endpoint: Endpoint) -> str:
    """Return who disabled the endpoint, and the reason that was given."""
    entries = AuditEntry.objects.filter(
        tenant_id=endpoint.tenant_id,
        target=ids.to_text(ids.ENDPOINT, endpoint.pk),
        action="endpoint.disabled",
    )
    entry = entries.order_by("-id").first()
    if entry is None:
        return endpoint.get_disabled_reason_display() or ""
    return f"by {entry.actor}: {entry.detail.get('note') or endpoint.get_disabled_reason_display()}"


def _page_name(name: str) -> str:
    return f"endpoints_endpoint_{name.replace('-', '_')}"

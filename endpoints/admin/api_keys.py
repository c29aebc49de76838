"""API keys: made here, shown once, revoked."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from endpoints import key_issuing
from endpoints.admin.filters import OrganizationFilter, TenantFilter
from endpoints.admin.forms import ApiKeyForm, ConfirmForm
from endpoints.admin.neighbours import neighbours
from endpoints.admin.pages import own_page, sent
from endpoints.admin.scope import ScopedAdmin, actor
from endpoints.models import ApiKey
from endpoints.roles import Capability
from webhooks_platform.lib import ids


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    """Of operators alone: a key acts for an organization or a tenant without a person."""

    id_prefix = ids.API_KEY
    change_form_template = "admin/endpoints/apikey/change_form.html"
    list_display = ["name", "prefix", "organization", "tenant", "scopes", "expires_at", "state"]
    list_select_related = ["organization", "tenant"]
    list_filter = [OrganizationFilter, TenantFilter]
    search_fields = ["name", "prefix"]
    readonly_fields = (
        "wire_id", "name", "prefix", "organization", "tenant", "scopes", "created_at",
        "expires_at", "last_used_at", "revoked_at", "see_also",
    )  # fmt: skip
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).filter(portal=None).order_by("-id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.reaches(request, None, Capability.OPERATE)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return "revoked" if key.revoked_at else "in use" if key.last_used_at else "never used"

    @admin.display(description="see also")
    def see_also(self, key: ApiKey) -> str:
        text = self.wire_id(key)
        return neighbours(("audit log", "endpoints_auditentry", {"q": text}))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        revoke = path("<path:object_id>/revoke/", wrap(self.revoke), name="endpoints_apikey_revoke")
        return [revoke, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Make a key, and show its text this one time."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ApiKeyForm(sent(request))
        if request.method != "POST" or not form.is_valid():
            return own_page(self, request, "Add an API key", form=form)
        _, text = key_issuing.issue(**form.issue_values(), actor=actor(request))
        return own_page(self, request, "The new API key", secret=text)

    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_or_refuse(request, object_id, Capability.OPERATE)
        if request.method != "POST":
            return own_page(self, request, "Revoke the API key", row=key, form=ConfirmForm())
        key_issuing.revoke(key, actor=actor(request))
        message = "The key is revoked; it is refused everywhere within 5 seconds."
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:endpoints_apikey_change", args=[key.pk]))

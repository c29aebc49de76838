"""Users and their roles; given and taken by operators."""

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from endpoints import memberships
from endpoints.admin.scope import ScopedAdmin, access, actor
from endpoints.models import Membership
from endpoints.roles import Capability

if TYPE_CHECKING:
    Users = UserAdmin[User]
else:
    Users = UserAdmin

#: What makes somebody mightier than any role; superusers alone give it.
MIGHT = ("is_superuser", "user_permissions", "groups", "is_staff")

admin.site.unregister(User)
# Groups follow from roles (endpoints.memberships).
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(Users):
    """Django's own page of users, for operators; only superusers touch superusers."""

    list_display = ["username", "email", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_active and access(request).may(Capability.OPERATE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        mighty = obj is not None and obj.is_superuser
        return self.has_view_permission(request) and (not mighty or _is_superuser(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody is deleted: the audit log would name someone unknown. Make him inactive."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        known = ("last_login", "date_joined")
        return known if _is_superuser(request) else (*known, *MIGHT)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup.split("__", maxsplit=1)[0] in self.list_filter

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        memberships.record_user("user.created", obj, actor=actor(request))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Audit a changed user or password; Django says which fields, never their values."""
        changed = message[0].get("changed", {}).get("fields", []) if message else []
        memberships.record_user("user.updated", obj, actor=actor(request), changed=changed)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(cast(User, request.user).is_superuser)


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    """Who may see and do what, and where."""

    changes = Capability.OPERATE
    list_display = ["user", "role", "tenant", "organization"]
    list_select_related = ["user", "tenant", "organization"]
    list_filter = ["role"]
    search_fields = ["user__username", "tenant__uid", "tenant__name"]
    autocomplete_fields = ["user", "tenant"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A membership is given and taken, never turned into another."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.reaches(request, None, Capability.OPERATE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.reaches(request, obj, Capability.OPERATE)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        memberships.add(obj, actor=actor(request))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        memberships.remove(obj, actor=actor(request))

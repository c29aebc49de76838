"""Forms of the admin's pages."""

from typing import Any

from django import forms
from django.utils import timezone

from endpoints import event_types, jwts, rotation, signing_secrets
from endpoints.admin.judged import JudgedForm
from endpoints.api.scoping import get_by_id_or_uid
from endpoints.api.serializers.applications import ApplicationIn
from endpoints.api.serializers.endpoints import EndpointUpdate
from endpoints.api.serializers.event_types import EventTypeIn
from endpoints.models import ApiKey, Endpoint, EventType, Organization, Tenant
from endpoints.signing_secrets import InvalidSecretError
from webhooks_platform.api.errors import ApiError
from webhooks_platform.lib import ids

HOUR_SECONDS = 3600
NOTE_MAX = 1000
POLICY_HELP = 'Like {"retrySchedule": [60, 300], "sendTimeout": 10}; empty to inherit.'


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Organization
        fields = ["name", "subject", "validates_payloads"]
        help_texts = {
            "validates_payloads": "Publishes must satisfy the newest schema of their event type, "
            "where it has one.",
            "subject": "Its id (sub) in tokens made for svix-server, org_…",
        }

    def clean_subject(self) -> str | None:
        subject: str | None = self.cleaned_data["subject"] or None
        # One that was stored before stays, so that the rest of the form can be changed.
        if subject and "subject" in self.changed_data and not jwts.is_subject(subject):
            raise forms.ValidationError(
                "Must be org_ and up to 60 letters and digits, and no id of ours."
            )
        return subject


class TenantForm(JudgedForm):
    wire_names = {
        "uid": "uid",
        "name": "name",
        "throttle_rate": "throttleRate",
        "metadata": "metadata",
        "policy": "policy",
    }
    serializer = ApplicationIn

    class Meta:
        model = Tenant
        fields = ["organization", "uid", "name", "throttle_rate", "metadata", "policy"]
        help_texts = {
            "uid": "Your own name for it, by which the API finds it too.",
            "throttle_rate": "Deliveries per second over all endpoints together.",
            "metadata": 'Facts of your own, texts only, like {"plan": "gold"}.',
            "policy": POLICY_HELP,
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        organization = cleaned.get("organization") or getattr(self.instance, "organization", None)
        others = Tenant.objects.filter(organization=organization, uid=cleaned.get("uid"))
        if cleaned.get("uid") and others.exclude(pk=self.instance.pk).exists():
            self.add_error("uid", "Another tenant of the organization has this uid.")
        return cleaned


class EventTypeForm(JudgedForm):
    wire_names = {
        "name": "name",
        "description": "description",
        "archived": "archived",
        "deprecated": "deprecated",
        "schemas": "schemas",
        "validates_payloads": "validatePayloads",
        "feature_flags": "featureFlags",
        "group_name": "groupName",
    }
    serializer = EventTypeIn

    class Meta:
        model = EventType
        fields = [
            "organization", "name", "description", "archived", "deprecated", "schemas",
            "validates_payloads", "feature_flags", "group_name",
        ]  # fmt: skip
        help_texts = {
            "schemas": 'JSON Schemas (draft 7) by version, like {"1": {"type": "object"}}.',
            "validates_payloads": "Publishes of the type must satisfy its newest schema.",
            "feature_flags": "Separated by commas.",
        }

    def wire_value(self, name: str, value: Any) -> Any:
        if name in ("archived", "deprecated", "validates_payloads"):
            return bool(value)
        return value or "" if name == "description" else value or None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        others = EventType.objects.filter(
            organization=cleaned.get("organization"), name=cleaned.get("name"), archived=False
        )
        if self.instance._state.adding and others.exists():
            self.add_error("name", "The organization has an event type of this name.")
        if hasattr(self, "values"):
            self.values = {name: value for name, value in self.values.items() if name != "name"}
        return cleaned


class EndpointForm(JudgedForm):
    wire_names = {
        "url": "url",
        "uid": "uid",
        "description": "description",
        "event_types": "eventTypes",
        "channels": "channels",
        "throttle_rate": "throttleRate",
        "metadata": "metadata",
        "policy": "policy",
    }
    serializer = EndpointUpdate

    class Meta:
        model = Endpoint
        fields = [
            "tenant", "url", "uid", "description", "event_types", "channels", "throttle_rate",
            "metadata", "policy",
        ]  # fmt: skip
        widgets = {"url": forms.TextInput(attrs={"size": 80})}
        help_texts = {
            "url": "Credentials in it (user:password@) are kept encrypted and never shown.",
            "event_types": "Separated by commas; empty for all.",
            "channels": "Separated by commas; empty for any event.",
            "throttle_rate": "Deliveries per second; more than that wait for their turn.",
            "policy": POLICY_HELP,
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not hasattr(self, "values"):
            return cleaned
        tenant = cleaned.get("tenant") or getattr(self.instance, "tenant", None)
        self._check_event_types(tenant)
        others = Endpoint.objects.filter(tenant=tenant, uid=self.values.get("uid"))
        if self.values.get("uid") and others.exclude(pk=self.instance.pk).exists():
            self.add_error("uid", "Another endpoint of this tenant has this uid.")
        return cleaned

    def _check_event_types(self, tenant: Tenant | None) -> None:
        known = self.initial.get("event_types") or ()
        wanted = [name for name in self.values.get("event_types") or () if name not in known]
        missing = event_types.unknown_to(tenant, wanted) if tenant else []
        if missing:
            self.add_error("event_types", f"These don't exist: {', '.join(missing)}")


class ApiKeyForm(forms.Form):
    organization = forms.ModelChoiceField(Organization.objects.order_by("name"))
    tenant = forms.CharField(
        required=False,
        help_text="Id or uid of the one tenant that the key works for; empty for all of them.",
    )
    name = forms.CharField(max_length=256)
    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    expires_at = forms.DateTimeField(
        required=False,
        label="Expires at (UTC)",
        help_text="Like 2027-01-31 12:00; empty for never.",
    )

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("Must be in the future.")
        return expires_at

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        named = cleaned.get("tenant")
        cleaned["tenant"] = self._find(named) if named else None
        return cleaned

    def _find(self, named: str) -> Tenant | None:
        rows = Tenant.objects.filter(
            organization=self.cleaned_data.get("organization"), deleted_at__isnull=True
        )
        try:
            return get_by_id_or_uid(rows, ids.TENANT, named)
        except ApiError:
            self.add_error("tenant", "The organization has no such tenant.")
        return None

    def issue_values(self) -> dict[str, Any]:
        """Return what key_issuing.issue() takes."""
        return self.cleaned_data


class RotateSecretForm(forms.Form):
    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=rotation.GRACE_SECONDS_MAX // HOUR_SECONDS,
        initial=rotation.GRACE_SECONDS_DEFAULT // HOUR_SECONDS,
        help_text="Hours for which the present secret signs on beside the new one; at most 168.",
    )
    key = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "size": 60}),
        help_text="A secret of your own (whsec_… or whsk_…); empty for a fresh one.",
    )

    def clean_key(self) -> str | None:
        key = self.cleaned_data["key"] or None
        if key is not None:
            try:
                signing_secrets.parse_secret(key)
            except InvalidSecretError as error:
                raise forms.ValidationError(str(error)) from None
        return key


class ReasonForm(forms.Form):
    """A decision that needs a reason; it is kept in the audit log."""

    note = forms.CharField(
        label="Reason",
        max_length=NOTE_MAX,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the audit log.",
    )


class ConfirmForm(forms.Form):
    """Nothing to fill in: the button is the decision."""

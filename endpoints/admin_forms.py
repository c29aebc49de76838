"""Forms of the admin; what an endpoint may be is judged by the API's own serializer."""

from typing import TYPE_CHECKING, Any, cast

from django import forms

from endpoints import event_types, rotation, signing_secrets
from endpoints.api.serializers.endpoints import EndpointUpdate
from endpoints.lifecycle import EndpointValues
from endpoints.models import Endpoint
from endpoints.signing_secrets import InvalidSecretError

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Endpoint]
else:
    # Django's own class takes no type arguments while it runs.
    ModelForm = forms.ModelForm

#: Name in the form -> name on the wire.
WIRE_NAMES = {
    "url": "url",
    "uid": "uid",
    "description": "description",
    "event_types": "eventTypes",
    "channels": "channels",
    "throttle_rate": "throttleRate",
    "policy": "policy",
}
HOUR_SECONDS = 3600


class EndpointForm(ModelForm):
    """`values` is what lifecycle.py takes, once the form is valid."""

    values: EndpointValues

    class Meta:
        model = Endpoint
        fields = ["tenant", *WIRE_NAMES]
        widgets = {"url": forms.TextInput(attrs={"size": 80})}
        help_texts = {
            "url": "Credentials in it (user:password@) are kept encrypted and never shown.",
            "event_types": "Separated by commas; empty for all.",
            "channels": "Separated by commas; empty for any event.",
            "policy": 'Like {"retrySchedule": [60, 300], "sendTimeout": 10}; empty to inherit.',
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        wire = {wire: cleaned.get(name) or None for name, wire in WIRE_NAMES.items()}
        judged = EndpointUpdate(data=wire, partial=True)
        if not judged.is_valid():
            names = {wire: name for name, wire in WIRE_NAMES.items()}
            for wire_name, faults in judged.errors.items():
                self.add_error(names.get(wire_name), _flat(faults))
            return cleaned
        self.values = cast(EndpointValues, judged.validated_data)
        self._check_event_types(cleaned)
        self._check_uid(cleaned)
        return cleaned

    def _check_event_types(self, cleaned: dict[str, Any]) -> None:
        tenant = cleaned.get("tenant") or getattr(self.instance, "tenant", None)
        known = self.initial.get("event_types") or ()
        wanted = [name for name in self.values.get("event_types") or () if name not in known]
        missing = event_types.missing(tenant.organization_id, wanted) if tenant else []
        if missing:
            self.add_error("event_types", f"These don't exist: {', '.join(missing)}")

    def _check_uid(self, cleaned: dict[str, Any]) -> None:
        tenant = cleaned.get("tenant") or getattr(self.instance, "tenant", None)
        others = Endpoint.objects.filter(tenant=tenant, uid=self.values.get("uid"))
        if self.values.get("uid") and others.exclude(pk=self.instance.pk).exists():
            self.add_error("uid", "Another endpoint of this tenant has this uid.")


def _flat(faults: Any) -> list[str]:
    """Return the sentences of a serializer's nested errors, each with the place inside."""
    if isinstance(faults, dict):
        return [f"{key}: {text}" for key, inner in faults.items() for text in _flat(inner)]
    return [str(fault) for fault in faults]


class RotateSecretForm(forms.Form):
    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=rotation.GRACE_SECONDS_MAX // HOUR_SECONDS,
        initial=rotation.GRACE_SECONDS_DEFAULT // HOUR_SECONDS,
        help_text="Hours for which the present secret signs beside the new one.",
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


class DisableForm(forms.Form):
    note = forms.CharField(
        label="Reason", max_length=1000, help_text="Kept in the audit log; waiting deliveries park."
    )


class ConfirmForm(forms.Form):
    """Nothing to fill in: the button is the decision."""

"""Forms whose input is judged by the API's own serializers, so both doors take the same."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms

from endpoints.api.serializers.fields import WireSerializer

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    # Django's own class takes no type arguments while it runs.
    ModelForm = forms.ModelForm


class JudgedForm(ModelForm):
    """`values` is what the stage behind the API takes, once the form is valid."""

    #: Name in the form -> name on the wire.
    wire_names: Mapping[str, str] = {}
    serializer: type[WireSerializer] = WireSerializer
    values: Any

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        known = {name: wire for name, wire in self.wire_names.items() if name in self.fields}
        judged = self.serializer(
            data={wire: self.wire_value(name, cleaned.get(name)) for name, wire in known.items()},
            partial=True,
        )
        if judged.is_valid():
            self.values = judged.validated_data
            return cleaned
        names = {wire: name for name, wire in known.items()}
        for wire_name, faults in judged.errors.items():
            self.add_error(names.get(wire_name), _flat(faults))
        return cleaned

    def wire_value(self, name: str, value: Any) -> Any:
        """Return a cleaned value as the serializer reads it; empty fields are null."""
        return None if value in ("", [], {}) else value


def _flat(faults: Any) -> list[str]:
    """Return the sentences of a serializer's nested errors, each with the place inside."""
    if isinstance(faults, dict):
        return [f"{key}: {text}" for key, inner in faults.items() for text in _flat(inner)]
    return [str(fault) for fault in faults]

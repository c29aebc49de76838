"""What the admin's forms do with input that Django's own fields take for an error of the server."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms.fields import InvalidJSONInput

from webhooks_platform.lib.strict_json import StrictJSONError, decode


class StrictJSONField(forms.JSONField):
    """Takes the JSON that the API takes: no lone surrogates, no endless nesting or digits."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip() and not isinstance(value, InvalidJSONInput):
            try:
                decode(value.encode())
            except StrictJSONError as error:
                raise ValidationError(str(error)) from None
            except UnicodeEncodeError:
                raise ValidationError(self.error_messages["invalid"]) from None
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show what was refused as it came."""
        try:
            self.to_python(data)
        except ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class KnownSelect(AutocompleteSelect):
    """Shows no choice for what is no id at all."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        remote: type[Model] = self.field.remote_field.model
        return super().optgroups(name, [each for each in value if is_key(remote, each)], attrs)


def is_key(model: type[Model], text: Any) -> bool:
    """Whether a text can be a primary key of the model."""
    key: Any = model._meta.pk
    try:
        return key.to_python(text) is not None
    except ValidationError:
        return False


def are_keys(model: type[Model], texts: Iterable[str]) -> bool:
    return all(is_key(model, text) for text in texts)

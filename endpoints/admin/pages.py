"""The admin's own pages: a decision with its form, and a secret that is shown once."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


def sent(request: HttpRequest) -> Any:
    """Return what was posted, even if it is nothing; None shows an empty form."""
    return request.POST if request.method == "POST" else None


def own_page(
    model_admin: ModelAdmin,
    request: HttpRequest,
    title: str,
    *,
    row: Model | None = None,
    form: forms.Form | None = None,
    template: str = "admin/decide.html",
    **context: Any,
) -> TemplateResponse:
    """Return a page below a model's, or below one row's, in the admin's frame.

    With `secret` in the context it shows that and no form; browsers and proxies must not keep it.
    """
    shared = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": row,
        "title": title,
        "form": form,
        "back": f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}",
    }
    response = TemplateResponse(request, template, {**shared, **context})
    response.headers["Cache-Control"] = "no-store"
    return response

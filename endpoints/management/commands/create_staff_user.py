"""`manage.py create_staff_user NAME --support`: somebody who may sign in to the admin."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from endpoints import memberships
from endpoints.audit import Actor
from endpoints.models import Membership, Organization, Tenant
from endpoints.roles import Role
from webhooks_platform.lib import ids

PASSWORD_BYTES = 12


class Command(BaseCommand):
    help = "Make a user of the admin with one role, and print the random password alone on stdout."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the name to sign in with")
        role = parser.add_mutually_exclusive_group(required=True)
        role.add_argument("--tenant-admin", metavar="TENANT", help="of one tenant, by uid or id")
        role.add_argument(
            "--support",
            nargs="?",
            const="",
            metavar="ORGANIZATION",
            help="of all tenants of an organization, by id; of the default one unless given",
        )
        role.add_argument("--operator", action="store_true", help="of everything")

    def handle(self, **options: Any) -> None:
        membership = self._membership(options)
        if User.objects.filter(username=options["name"]).exists():
            raise CommandError(f"There is a user {options['name']!r} already.")
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        with transaction.atomic():
            membership.user = User.objects.create_user(options["name"], password=password)
            memberships.add(membership, actor=Actor("manage.py create_staff_user"))
        self.stdout.write(password)

    def _membership(self, options: dict[str, Any]) -> Membership:
        if options["operator"]:
            return Membership(role=Role.OPERATOR)
        if options["tenant_admin"] is not None:
            return Membership(role=Role.TENANT_ADMIN, tenant=_tenant(options["tenant_admin"]))
        return Membership(role=Role.SUPPORT, organization=_organization(options["support"]))


def _tenant(text: str) -> Tenant:
    rows = Tenant.objects.filter(deleted_at__isnull=True)
    try:
        found = list(rows.filter(id=ids.from_text(ids.TENANT, text)))
    except ids.MalformedIdError:
        found = list(rows.filter(uid=text))
    if len(found) != 1:
        raise CommandError(f"There is {'more than one' if found else 'no'} tenant {text!r}.")
    return found[0]


def _organization(text: str) -> Organization:
    if not text:
        return Organization.objects.get(is_default=True)
    try:
        found = Organization.objects.filter(id=ids.from_text(ids.ORGANIZATION, text)).first()
    except ids.MalformedIdError:
        found = None
    if found is None:
        raise CommandError(f"There is no organization {text!r}.")
    return found

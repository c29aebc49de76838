"""Refuse to empty the audit log as well; TRUNCATE fires no trigger of rows."""

from django.db import migrations

REFUSE = """
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0007_groups")]

    operations = [migrations.RunSQL(REFUSE, "DROP TRIGGER not_truncated ON audit_entry;")]

"""Whether publishes are validated, and the version by which processes remember a catalogue."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0009_operational_tenant")]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="validates_payloads",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="organization",
            name="catalogue_version",
            field=models.BigIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="eventtype",
            name="validates_payloads",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]

"""Show questions about usage among background tasks."""

from django.db import migrations

# Types agree, so that a page is read in the order of the tables' primary keys.
OF_REPLAYS_AND_PURGES = """
SELECT id, organization_id, tenant_id, source AS kind, state, created_at, finished_at,
       jsonb_build_object('total', total, 'queued', queued, 'delivered', delivered,
                          'failed', failed) AS data
FROM replay
UNION ALL
SELECT id, organization_id, tenant_id, 'purge'::varchar(16), state, created_at, finished_at,
       jsonb_build_object('messagesPurged', purged)
FROM content_purge
"""
OF_QUESTIONS = """
UNION ALL
SELECT id, organization_id, NULL::uuid, kind, state, created_at, finished_at,
       coalesce(answer, '{}'::jsonb)
FROM usage_question
"""


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0010_announce_finished_jobs"),
        ("endpoints", "0013_usage_questions"),
    ]

    operations = [
        migrations.RunSQL(
            f"CREATE OR REPLACE VIEW background_task AS {OF_REPLAYS_AND_PURGES} {OF_QUESTIONS}",
            f"DROP VIEW background_task; CREATE VIEW background_task AS {OF_REPLAYS_AND_PURGES}",
        ),
    ]

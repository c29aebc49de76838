"""Paths of reading and of delivering again, below /api/v1/."""

from django.urls import path

from deliveries.api import (
    attempts,
    background_tasks,
    dead_letters,
    deliveries,
    endpoint_stats,
    expunging,
    messages,
    outlook,
    recovery,
    replays,
    usage,
)

MESSAGE = "app/<str:app_id>/msg/<str:msg_id>"
ENDPOINT = "endpoint/<str:endpoint_id>"
ATTEMPT = "attempt/<str:attempt_id>"
LETTER = "app/<str:app_id>/dead-letter"
REPLAY = "app/<str:app_id>/replay"

urlpatterns = [
    path("app/<str:app_id>/msg", messages.Messages.as_view()),
    path("app/<str:app_id>/msg/precheck/active", messages.Precheck.as_view()),
    path("app/<str:app_id>/msg/bulk-expunge", expunging.BulkExpunge.as_view()),
    path("app/<str:app_id>/msg/expunge-all-contents", expunging.ExpungeAllContents.as_view()),
    path(MESSAGE, messages.Message.as_view()),
    path(f"{MESSAGE}/content", expunging.MessageContent.as_view()),
    path(f"{MESSAGE}/cancel", messages.MessageCancel.as_view()),
    path(f"{MESSAGE}/delivery", outlook.MessageDeliveries.as_view()),
    path(f"{MESSAGE}/endpoint", deliveries.AttemptedDestinations.as_view()),
    path(f"{MESSAGE}/{ENDPOINT}/resend", deliveries.Resend.as_view()),
    path(f"{MESSAGE}/{ENDPOINT}/attempt", attempts.AttemptsOfDeliveryDeprecated.as_view()),
    path(f"{MESSAGE}/attempt", attempts.AttemptsOfMessageDeprecated.as_view()),
    path(f"{MESSAGE}/{ATTEMPT}", attempts.MessageAttempt.as_view()),
    path(f"{MESSAGE}/{ATTEMPT}/content", attempts.MessageAttemptContent.as_view()),
    path(f"app/<str:app_id>/attempt/{ENDPOINT}", attempts.AttemptsOfEndpoint.as_view()),
    path("app/<str:app_id>/attempt/msg/<str:msg_id>", attempts.AttemptsOfMessage.as_view()),
    path(f"app/<str:app_id>/{ENDPOINT}/msg", deliveries.AttemptedMessages.as_view()),
    path(f"app/<str:app_id>/{ENDPOINT}/stats", endpoint_stats.EndpointStats.as_view()),
    path(
        f"app/<str:app_id>/{ENDPOINT}/attempt-stats", endpoint_stats.EndpointAttemptStats.as_view()
    ),
    path(f"app/<str:app_id>/{ENDPOINT}/send-example", endpoint_stats.SendExample.as_view()),
    path("dead-letter", dead_letters.DeadLetters.as_view()),
    path(LETTER, dead_letters.DeadLettersOfTenant.as_view()),
    path(f"{LETTER}/summary", dead_letters.DeadLetterSummary.as_view()),
    path(f"{LETTER}/<str:letter_id>", dead_letters.OneDeadLetter.as_view()),
    path(f"{LETTER}/<str:letter_id>/replay", dead_letters.ReplayDeadLetter.as_view()),
    path(f"{LETTER}/<str:letter_id>/discard", dead_letters.DiscardDeadLetter.as_view()),
    path(REPLAY, replays.Replays.as_view()),
    path(f"{REPLAY}/<str:replay_id>", replays.OneReplay.as_view()),
    *[
        path(f"{REPLAY}/<str:replay_id>/{action}", view.as_view())
        for action, view in replays.CHANGES.items()
    ],
    path(f"app/<str:app_id>/{ENDPOINT}/recover", recovery.Recover.as_view()),
    path(f"app/<str:app_id>/{ENDPOINT}/replay-missing", recovery.ReplayMissing.as_view()),
    path(f"app/<str:app_id>/{ENDPOINT}/bulk-replay", recovery.BulkReplay.as_view()),
    path("stats/usage/app", usage.UsageOfApplications.as_view()),
    path("stats/usage/event-types", usage.EventTypesOfApplications.as_view()),
    path("background-task", background_tasks.BackgroundTasks.as_view()),
    path("background-task/<str:task_id>", background_tasks.OneBackgroundTask.as_view()),
]

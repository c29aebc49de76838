"""Paths of the read side, below /api/v1/."""

from django.urls import path

from deliveries.api import attempts, deliveries, messages, outlook

MESSAGE = "app/<str:app_id>/msg/<str:msg_id>"
ENDPOINT = "endpoint/<str:endpoint_id>"
ATTEMPT = "attempt/<str:attempt_id>"

urlpatterns = [
    path("app/<str:app_id>/msg", messages.Messages.as_view()),
    path(MESSAGE, messages.Message.as_view()),
    path(f"{MESSAGE}/content", messages.MessageContent.as_view()),
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
]

"""Owns the delivery loop of a worker process: a thread with an event loop, started after the fork.

The thread lives as long as the process. Celery's parent says when to stop through an event that
is shared with its children, since its own SIGTERM handler runs only in the parent.
"""

import asyncio
import logging
import multiprocessing
import threading
from concurrent.futures import Future
from uuid import UUID

import uvloop
from django.conf import settings
from django.db import close_old_connections, connection

from deliveries.drain import DeliveryLoop, LoopSettings
from deliveries.transport import Resolver, Transport
from deliveries.wake import Waker
from endpoints import guard, lifecycle
from endpoints.audit import Actor
from endpoints.models import Endpoint
from webhooks_platform.lib import garbage

log = logging.getLogger(__name__)

USER_AGENT = "webhooks-platform/0.1"
#: Seconds between looks at the parent's stop event.
STOP_POLL = 0.1
#: Seconds to wait for a loop to begin, and before it is begun again after a failure.
START_SECONDS = 10.0
RESTART = 1.0


#: Made before the fork, so that it is the same in the parent and in every child.
stop_event = multiprocessing.Event()


class LoopThread:
    """The delivery loop of this process, begun again if it should ever fail."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="delivery-loop", daemon=True)
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._delivery_loop: DeliveryLoop | None = None
        self._begun = threading.Event()
        self._stop = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def poke(self, *, wait_seconds: float) -> None:
        """Make the loop look for work; return when it is idle, or after `wait_seconds`."""
        if not self._begun.wait(START_SECONDS):
            return
        loop, delivery_loop = self._event_loop, self._delivery_loop
        if loop is None or delivery_loop is None or loop.is_closed():
            return
        idle: Future[None] = asyncio.run_coroutine_threadsafe(_poked(delivery_loop), loop)
        try:
            idle.result(wait_seconds)
        except TimeoutError:
            idle.cancel()

    def stop(self, *, seconds: float) -> bool:
        """Finish what is in flight; return whether the thread ended within `seconds`."""
        self._stop.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping():
            try:
                uvloop.run(self._serve())
            except Exception:
                log.exception("delivery_loop_failed")
                self._begun.clear()
                self._stop.wait(RESTART)

    def _stopping(self) -> bool:
        return self._stop.is_set() or stop_event.is_set()

    async def _serve(self) -> None:
        delivery_loop = DeliveryLoop(
            loop_settings(),
            transport=Transport(
                policy=guard.address_policy(),
                resolver=Resolver(nameservers=settings.ENVIRONMENT.WEBHOOKS_NAMESERVERS or None),
                user_agent=USER_AGENT,
            ),
            waker=Waker(),
            close=disable_endpoint,
        )
        self._event_loop, self._delivery_loop = asyncio.get_running_loop(), delivery_loop
        self._begun.set()
        watching = asyncio.create_task(self._watch(delivery_loop))
        try:
            await delivery_loop.run()
        finally:
            watching.cancel()

    async def _watch(self, delivery_loop: DeliveryLoop) -> None:
        while not self._stopping():
            await asyncio.sleep(STOP_POLL)
        delivery_loop.stop()


_of_this_process: LoopThread | None = None


def start() -> LoopThread:
    """Start this process's loop; called once, after the fork."""
    global _of_this_process  # noqa: PLW0603 - one loop a process is the point
    garbage.collect_less()
    _of_this_process = LoopThread()
    _of_this_process.start()
    return _of_this_process


def stop(*, seconds: float) -> None:
    """Finish this process's loop, if it has one; wait for it at most so long."""
    if _of_this_process is not None and not _of_this_process.stop(seconds=seconds):
        log.error("delivery_loop_not_finished")


def poke(*, wait_seconds: float) -> None:
    """Poke this process's loop, if it has one."""
    if _of_this_process is not None:
        _of_this_process.poke(wait_seconds=wait_seconds)


def loop_settings() -> LoopSettings:
    """Read how a loop works from the settings."""
    environment = settings.ENVIRONMENT
    return LoopSettings(
        in_flight=environment.WEBHOOKS_IN_FLIGHT,
        endpoint_in_flight=environment.WEBHOOKS_ENDPOINT_IN_FLIGHT,
        send_timeout=environment.WEBHOOKS_SEND_TIMEOUT,
        disable_after=environment.WEBHOOKS_DISABLE_AFTER,
    )


async def _poked(delivery_loop: DeliveryLoop) -> None:
    delivery_loop.poke()
    await delivery_loop.wait_idle()


async def disable_endpoint(endpoint_id: UUID, reason: str) -> None:
    """Disable an endpoint in the platform's name, its pending deliveries parked; committed."""
    await asyncio.to_thread(_disable, endpoint_id, Endpoint.Disabled(reason))


def _disable(endpoint_id: UUID, reason: Endpoint.Disabled) -> None:
    close_old_connections()
    try:
        endpoint = Endpoint.objects.get(id=endpoint_id)
        lifecycle.disable(endpoint, actor=Actor("platform"), reason=reason)
    finally:
        # The thread is one of a pool and may not be used again for long.
        connection.close()

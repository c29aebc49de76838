"""Celery's doors: tasks that call one stage each, and the life of a worker's child.

Each child owns one delivery loop, which is what delivers; a task only pokes it and carries
nothing that matters.
"""

import asyncio
import os
import signal

from celery import shared_task, signals
from django.conf import settings

from deliveries import loop_thread, retention
from deliveries.purge import purge
from deliveries.sweep import sweep as sweep_step
from deliveries.take_up import take_up
from webhooks_platform.lib.database import connect
from webhooks_platform.lib.parent_death import die_with_parent

#: The worker's parent imports this module before it forks; its children inherit the value.
_parent = os.getpid()


@shared_task(name="deliveries.tasks.drain")
def drain() -> None:
    """Poke this child's delivery loop and wait, bounded, until it reports nothing due."""
    loop_thread.poke(wait_seconds=settings.DRAIN_TASK_SECONDS)


@shared_task(name="deliveries.tasks.sweep")
def sweep() -> None:
    """Second trigger of the sweep that every delivery loop runs by itself."""
    asyncio.run(_sweep())


async def _sweep() -> None:
    async with await connect("webhooks-sweep") as connection:
        await sweep_step(connection)


@shared_task(name="deliveries.tasks.replay")
def replay() -> None:
    """Second trigger of taking up replay jobs and purges, as every delivery loop does by itself."""
    asyncio.run(_take_up())


async def _take_up() -> None:
    async with await connect("webhooks-replay") as connection:
        await take_up(connection)
        await purge(connection)


@shared_task(name="deliveries.tasks.upkeep")
def upkeep() -> None:
    """Make partitions ahead, drop expired ones, empty expired payloads."""
    retention.run()


@signals.worker_process_init.connect
def start_delivery_loop(**_: object) -> None:
    """Start the child's loop after the fork, when no connection is shared with the parent."""
    if os.getpid() != _parent:
        # The parent's event stops the loop in order; a SIGTERM to the whole group must not cut
        # it off. If the parent is killed, so is the child: what it sent is the sweep's to tell.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        die_with_parent(_parent)
    loop_thread.start()


@signals.worker_shutting_down.connect
def stop_delivery_loops(**_: object) -> None:
    """Tell every child's loop to claim nothing more; sent only in the parent."""
    loop_thread.stop_event.set()


@signals.worker_process_shutdown.connect
def finish_delivery_loop(**_: object) -> None:
    """Let the child go when its sends have ended and are recorded."""
    loop_thread.stop(seconds=settings.WORKER_STOP_SECONDS)

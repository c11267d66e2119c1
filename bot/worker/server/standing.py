"""A worker on its own, for bots here or on other machines: listens, says what it serves, ends in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from bot.errors import BadInput, BadModel, BadSettings
from bot.worker.options import WorkerOptions
from bot.worker.server.role import CRASHED
from bot.worker.server.serving import HEARTBEAT_SECONDS, Server
from bot.worker.wire import address as addresses
from bot.worker.wire.state import hang_of

SHORTEST_KEY = 16


def check_key(address: str, key: str) -> None:
    """Raise BadInput where strangers could ask: what others can reach wants a key that is long enough."""
    if key and len(key) < SHORTEST_KEY:
        raise BadInput(f"The worker's key has to have at least {SHORTEST_KEY} characters: {ADVICE}")
    if not key and not addresses.is_private(address):
        raise BadInput(f"{address} can be reached from other machines, so it wants a key: {ADVICE}")


ADVICE = "set worker.key_file, give --key-file, or set PARLEY_WORKER__KEY."


async def stand(address: str, options: WorkerOptions, key: str, *, drain_seconds: float) -> None:
    """Serve until SIGTERM or SIGINT, then answer what was asked within so many seconds.

    Raises BadSettings when it cannot listen, BadModel when nothing can be served. A worker that hangs
    ends its process, so that whoever watches it starts another.
    """
    server, stopped = Server(options, key), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        listener, place = await server.listen(address)
    except OSError as error:
        raise BadSettings(f"The worker cannot listen on {address}: {error.strerror or error}.") from None
    say(f"listening on {place}, loading models …")
    work = [asyncio.create_task(each) for each in (server.beat(), watch(server, options), greet(server))]
    stopping = asyncio.create_task(stopped.wait())
    try:
        while not stopping.done():
            done, _ = await asyncio.wait([stopping, *work], return_when=asyncio.FIRST_COMPLETED)
            for task in [one for one in work if one in done]:
                work.remove(task)
                task.result()
        say("stopping; what was asked is still answered …")
        listener.close()
        await server.drain(drain_seconds)
        say("stopped.")
    finally:
        listener.close()
        for each in (*work, stopping):
            each.cancel()
        await asyncio.wait([*work, stopping])


async def greet(server: Server) -> None:
    """Say what is served as soon as that is known. Raises BadModel when nothing can be."""
    try:
        await server.ready()
    except BadModel as error:
        if not server.introduction["roles"]:
            raise
        say(f"ready without its encoder: {error} It serves {', '.join(server.introduction['roles'])}.")
    else:
        say(f"ready; it serves {roles_in_words(server.introduction)}.")


async def watch(server: Server, options: WorkerOptions) -> None:
    """End this process when it hangs: nothing in it can end a computation."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        if reason := hang_of(server.health(), options):
            say(f"{reason}, so it ends; start it again.")
            os._exit(CRASHED)


def roles_in_words(introduction: Mapping[str, Any]) -> str:
    """Each role with the origin of its model."""
    return ", ".join(f"{role} ({told['origin']})" for role, told in sorted(introduction["roles"].items()))


def say(words: str) -> None:
    """Tell the operator, on standard error."""
    print(f"parley worker: {words}", file=sys.stderr, flush=True)  # noqa: T201

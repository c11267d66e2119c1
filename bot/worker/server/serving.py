"""The worker's process: takes frames, answers them, and says every second how it is.

From the bot: `hello` with the key, `ask` (id, role, texts or a recording as body, choices, priority,
deadline in seconds, on whose behalf) or `asks` (many without a body), `cancel` (id) or `cancels` (ids).
To the bot: `ready` or `failed` (with the roles that are served all the same), `pieces` of what is being
written, `answers` to many requests at once, `leaving`, and a `heartbeat` with the health.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from bot.errors import BadInput, BadModel, ParleyError
from bot.message import Priority
from bot.models import EMBEDDING, NOBODY, Tenant
from bot.worker.options import WorkerOptions
from bot.worker.server.answers import Answers
from bot.worker.server.role import Ask, Outcome, Role
from bot.worker.server.roles import Roles
from bot.worker.server.surroundings import follow_parent, prepare_process, run, until_signal
from bot.worker.wire import address as addresses
from bot.worker.wire import frames
from bot.worker.wire.errors import Leaving, pack_error

HEARTBEAT_SECONDS = 1.0
HELLO_SECONDS = 10.0
HELLO_BYTES = 4096
# So many may be about to greet; more are turned away.
MOST_STRANGERS = 64
# Whoever greets wrongly waits, so that keys cannot be tried fast.
WRONG_SECONDS = 1.0
# Answers that a bot does not read pile up to so many bytes, then it is given up.
MOST_UNREAD = 64 * 2**20
DRAIN_PAUSE = 0.05


class Server:
    """Roles behind one address. They compute on threads of their own; the event loop only carries."""

    def __init__(self, options: WorkerOptions, key: str) -> None:
        self._key = key
        self._roles = Roles(options, self._deliver)
        self._introduction: dict[str, Any] = {}
        self._settled = asyncio.Event()
        self._failure: BadModel | None = None
        self._is_leaving = False
        self._strangers = 0
        self._peers: set[asyncio.StreamWriter] = set()
        self._answers: Answers[asyncio.StreamWriter] = Answers()

    async def listen(self, address: str) -> tuple[asyncio.Server, str]:
        """Take connections at `address` and begin to load the models."""
        self._loop = asyncio.get_running_loop()
        listener = await addresses.listen(address, self._converse)
        self._roles.start(self._settle_start)
        return listener

    @property
    def introduction(self) -> dict[str, Any]:
        """What every bot is told first; empty until it is known."""
        return self._introduction

    def health(self) -> dict[str, Any]:
        """What bots are told every second."""
        return self._roles.health()

    async def ready(self) -> None:
        """Return when the encoder is loaded. Raises BadModel."""
        await self._settled.wait()
        if self._failure:
            raise self._failure

    async def beat(self) -> None:
        """Tell every bot how the worker is, for ever."""
        while True:
            self._roles.tick()
            self._tell_all({"kind": "heartbeat", "health": self._roles.health()})
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def drain(self, seconds: float) -> None:
        """Take nothing new, and return when what was asked is answered, or after so long."""
        self._is_leaving = True
        self._tell_all({"kind": "leaving"})
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._answers or any(peer.transport.get_write_buffer_size() for peer in self._peers):
                    await asyncio.sleep(DRAIN_PAUSE)

    def _settle_start(self, failure: BadModel | None) -> None:
        self._call(self._introduce, failure)

    def _introduce(self, failure: BadModel | None) -> None:
        self._failure = failure
        if failure:
            served = self._roles.without(EMBEDDING)
            introduction = {"kind": "failed", "roles": served, **pack_error(failure)}
        else:
            introduction = {"kind": "ready", **self._roles.introduction()}
        self._introduction = introduction | {"version": frames.VERSION}
        self._settled.set()
        self._tell_all(self._introduction)

    def _tell_all(self, header: dict[str, Any]) -> None:
        frame = frames.encode(header)
        for peer in self._peers:
            write(peer, frame)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._welcome(reader)
            self._peers.add(writer)
            if self._introduction:
                writer.write(frames.encode(self._introduction))
            while frame := await frames.read(reader):
                self._take(writer, *frame)
        except (frames.BrokenFrame, TimeoutError) as error:
            print(f"worker: a connection is closed: {error or 'no greeting'}", file=sys.stderr)  # noqa: T201
        finally:
            self._peers.discard(writer)
            self._cancel(self._answers.numbers_of(writer))
            writer.close()

    async def _welcome(self, reader: asyncio.StreamReader) -> None:
        """Take the greeting. Raises BrokenFrame when its key is not ours, or too many are about to greet."""
        if self._strangers >= MOST_STRANGERS:
            raise frames.BrokenFrame("too many have not greeted yet")
        self._strangers += 1
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                frame = await frames.read(reader, limit=HELLO_BYTES)
            key = str(frame[0].get("key", "")) if frame else ""
            if not frame or not hmac.compare_digest(key.encode(), self._key.encode()):
                raise frames.BrokenFrame("its greeting lacks the right key")
        except frames.BrokenFrame:
            await asyncio.sleep(WRONG_SECONDS)
            raise
        finally:
            self._strangers -= 1

    def _take(self, peer: asyncio.StreamWriter, header: frames.Header, body: bytes) -> None:
        try:
            kind = header["kind"]
            if kind == "ask":
                self._ask(peer, [header], body)
            elif kind == "asks":
                self._ask(peer, header["asks"], b"")
            elif kind in ("cancel", "cancels"):
                ids = header["ids"] if kind == "cancels" else [header["id"]]
                numbers = [self._answers.number_of(peer, int(each)) for each in ids]
                self._cancel(number for number in numbers if number is not None)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise frames.BrokenFrame(f"a header is not understood ({type(error).__name__})") from None

    def _ask(self, peer: asyncio.StreamWriter, headers: Iterable[frames.Header], body: bytes) -> None:
        refused = [outcome for header in headers for outcome in self._ask_one(peer, header, body)]
        if refused:
            self._settle(refused)

    def _ask_one(self, peer: asyncio.StreamWriter, header: frames.Header, body: bytes) -> list[Outcome]:
        """Hand a request to its role; its refusal, if it is refused."""
        ask, name = ask_of(header, body), str(header["role"])
        number = self._answers.open(peer, int(header["id"]), name)
        try:
            role = self._serving(name)
            self._answers.expect(number, role.expected(ask), role.pack)
            role.ask(number, ask)
        except ParleyError as error:
            return [Outcome(number, error=error)]
        return []

    def _serving(self, name: str) -> Role:
        """What serves a role. Raises Leaving, BadModel."""
        if self._is_leaving:
            raise Leaving("The worker is about to stop.")
        return self._roles.serving(name)

    def _deliver(self, outcomes: list[Outcome]) -> None:
        """Take outcomes from any thread."""
        self._call(self._settle, outcomes)

    def _call(self, action: Callable[[Any], None], given: object) -> None:
        """Do something on the event loop, from any thread; nothing when the loop has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(action, given)

    def _settle(self, outcomes: list[Outcome]) -> None:
        for peer, frame in self._answers.settle(outcomes):
            write(peer, frame)

    def _cancel(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            request = self._answers.close(number)
            if request:
                self._roles.cancel(request.role, number)


def write(peer: asyncio.StreamWriter, frame: bytes) -> None:
    """Send a frame; give a peer up that does not read."""
    if peer.transport.get_write_buffer_size() > MOST_UNREAD:
        peer.transport.abort()
    peer.write(frame)


def ask_of(header: frames.Header, body: bytes) -> Ask:
    """The request of a header. Raises what a header that is not understood raises."""
    skill, community = header.get("skill"), header.get("community")
    return Ask(
        texts=tuple(map(str, header["texts"])),
        body=body,
        priority=Priority(header["priority"]),
        deadline=time.monotonic() + float(header["deadline"]),
        choices=dict(header.get("choices") or {}),
        on_behalf=Tenant(str(skill or ""), str(community or "")) if skill or community else NOBODY,
    )


async def serve_child(address: str, options: WorkerOptions, key: str) -> None:
    """Announce the address on standard output, then answer until killed."""
    server = Server(options, key)
    listener, place = await server.listen(address)
    print(place, flush=True)  # noqa: T201
    os.dup2(2, 1)
    async with listener:
        await server.beat()


async def serve_alone(address: str, options: WorkerOptions, key: str = "") -> None:
    """Answer until cancelled. Raises a group of BadModel."""
    server = Server(options, key)
    listener, place = await server.listen(address)
    async with listener, asyncio.TaskGroup() as group:
        group.create_task(server.beat())
        await server.ready()
        print(f"worker: ready at {place}", file=sys.stderr)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker. Exit codes: 0 stopped, 2 the model cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m bot.worker.server.serving", description=__doc__)
    parser.add_argument("address", help="unix:PATH, or tcp:HOST:PORT with --child")
    parser.add_argument("--options", default="{}", help="WorkerOptions as JSON")
    parser.add_argument(
        "--child", action="store_true", help="take the key from standard input's first line, end with it"
    )
    chosen = parser.parse_args(arguments)
    options = WorkerOptions.unpack(chosen.options)
    try:
        prepare_process(options)
    except BadInput as error:
        parser.error(str(error))
    if chosen.child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        key = sys.stdin.readline().strip()
        follow_parent()
        run(serve_child(chosen.address, options, key))
        return 0
    if not chosen.address.startswith("unix:"):
        parser.error("a worker on its own listens on a unix socket only")
    return run_alone(chosen.address, options)


def run_alone(address: str, options: WorkerOptions) -> int:
    """Run a worker nobody started as a child, and return its exit code."""
    code = 0
    try:
        run(until_signal(serve_alone(address, options)))
    except* BadModel as group:
        print(f"worker: {group.exceptions[0]}", file=sys.stderr)  # noqa: T201
        code = 2
    return code


if __name__ == "__main__":
    # Leaves without the interpreter's shutdown, in which a thread inside torch may crash.
    code = main()
    sys.stderr.flush()
    os._exit(code)

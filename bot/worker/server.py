"""The worker's process: takes frames, answers them, and says every second how it is.

From the bot: `hello` with the key, `ask` (id, role, texts or a recording as body, priority, deadline in
seconds), `cancel` (id). To the bot: `ready` or `failed` (with the roles that are served all the same),
`answers` to many requests at once, and a `heartbeat` with the health.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from bot.errors import BadModel, ModelError
from bot.message import Priority
from bot.models import EMBEDDING, TRANSCRIPTION, Tenant
from bot.worker import address as addresses
from bot.worker import frames
from bot.worker.answers import Answers
from bot.worker.catalogue import find_entry, served_roles
from bot.worker.embedding import Embedding
from bot.worker.errors import pack_error
from bot.worker.inference import Outcome
from bot.worker.options import WorkerOptions
from bot.worker.role import Ask, Role
from bot.worker.transcription import Transcription

HEARTBEAT_SECONDS = 1.0
HELLO_SECONDS = 10.0


class Server:
    """Roles behind one address. Each computes on threads of its own; the event loop only carries."""

    def __init__(self, options: WorkerOptions, key: str) -> None:
        self._key = key
        self._embedding = Embedding(options, self._deliver)
        self._transcription = Transcription(options, self._deliver)
        offered: dict[str, Role] = {EMBEDDING: self._embedding, TRANSCRIPTION: self._transcription}
        self._roles = {name: offered[name] for name in served_roles(options)}
        self._options = options
        self._introduction: dict[str, Any] = {}
        self._settled = asyncio.Event()
        self._failure: BadModel | None = None
        self._peers: set[asyncio.StreamWriter] = set()
        self._answers: Answers[asyncio.StreamWriter] = Answers()

    async def listen(self, address: str) -> tuple[asyncio.Server, str]:
        """Take connections at `address` and begin to load the models."""
        self._loop = asyncio.get_running_loop()
        listener = await addresses.listen(address, self._converse)
        self._transcription.start()
        self._loading = asyncio.create_task(self._load(), name="loading")
        return listener

    async def ready(self) -> None:
        """Return when the encoder is loaded. Raises BadModel."""
        await self._settled.wait()
        if self._failure:
            raise self._failure

    async def beat(self) -> None:
        """Tell every bot how the worker is, for ever."""
        while True:
            health = self._embedding.health() | {TRANSCRIPTION: self._transcription.health()}
            self._tell_all({"kind": "heartbeat", "health": health})
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _load(self) -> None:
        try:
            self._introduction = {"kind": "ready", **await self._embedding.load()}
        except BadModel as error:
            del self._roles[EMBEDDING]
            self._failure = error
            self._introduction = {"kind": "failed", "roles": list(self._roles), **pack_error(error)}
        self._settled.set()
        self._tell_all(self._introduction)

    def _tell_all(self, header: dict[str, Any]) -> None:
        for peer in self._peers:
            peer.write(frames.encode(header))

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
            for number in self._answers.numbers_of(writer):
                self._cancel(number)
            writer.close()

    async def _welcome(self, reader: asyncio.StreamReader) -> None:
        """Take the greeting. Raises BrokenFrame when its key is not ours."""
        async with asyncio.timeout(HELLO_SECONDS):
            frame = await frames.read(reader)
        key = str(frame[0].get("key", "")) if frame else ""
        if not frame or not hmac.compare_digest(key.encode(), self._key.encode()):
            raise frames.BrokenFrame("its greeting lacks the right key")

    def _take(self, peer: asyncio.StreamWriter, header: frames.Header, body: bytes) -> None:
        try:
            if header["kind"] == "ask":
                self._ask(peer, header, body)
            elif header["kind"] == "cancel":
                number = self._answers.number_of(peer, header["id"])
                if number is not None:
                    self._cancel(number)
        except (KeyError, TypeError, ValueError) as error:
            raise frames.BrokenFrame(f"a header is not understood ({type(error).__name__})") from None

    def _ask(self, peer: asyncio.StreamWriter, header: frames.Header, body: bytes) -> None:
        ask = Ask(
            texts=tuple(map(str, header["texts"])),
            body=body,
            priority=Priority(header["priority"]),
            deadline=time.monotonic() + float(header["deadline"]),
            choices=dict(header.get("choices", {})),
            on_behalf=Tenant(str(header.get("skill", "")), str(header.get("community", ""))),
        )
        number = self._answers.open(peer, int(header["id"]), header["role"], len(ask.texts))
        try:
            self._serving(header["role"]).ask(number, ask)
        except ModelError as error:
            self._settle([Outcome(number, error=error)])

    def _serving(self, role: str) -> Role:
        """What serves the role. Raises BadModel when nothing does."""
        if role in self._roles:
            return self._roles[role]
        find_entry(role, self._options)
        raise self._failure or BadModel(f"No model is ready for {role!r}.")

    def _deliver(self, outcomes: list[Outcome]) -> None:
        """Take outcomes from any thread."""
        self._loop.call_soon_threadsafe(self._settle, outcomes)

    def _settle(self, outcomes: list[Outcome]) -> None:
        for peer, frame in self._answers.settle(outcomes):
            peer.write(frame)

    def _cancel(self, number: int) -> None:
        request = self._answers.close(number)
        if request and request.role in self._roles:
            self._roles[request.role].cancel(number)


def quiet_threads() -> None:
    """Idle math threads sleep instead of spinning, and nothing asks a model hub. Before torch is imported."""
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["KMP_BLOCKTIME"] = "0"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def follow_parent() -> None:
    """End this process when standard input closes, which it does when the bot is gone."""

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        os._exit(0)

    threading.Thread(target=wait, name="parent", daemon=True).start()


async def serve_child(address: str, options: WorkerOptions, key: str) -> None:
    """Announce the address on standard output, then answer until killed."""
    server = Server(options, key)
    listener, place = await server.listen(address)
    print(place, flush=True)  # noqa: T201
    os.dup2(2, 1)
    async with listener:
        await server.beat()


async def serve_alone(address: str, options: WorkerOptions) -> None:
    """Answer until cancelled. Raises a group of BadModel."""
    server = Server(options, key="")
    listener, place = await server.listen(address)
    async with listener, asyncio.TaskGroup() as group:
        group.create_task(server.beat())
        await server.ready()
        print(f"worker: ready at {place}", file=sys.stderr)  # noqa: T201


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worker. Exit codes: 0 stopped, 2 the model cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m bot.worker.server", description=__doc__)
    parser.add_argument("address", help="unix:PATH, or tcp:HOST:PORT with --child")
    parser.add_argument("--options", default="{}", help="WorkerOptions as JSON")
    parser.add_argument(
        "--child", action="store_true", help="take the key from standard input's first line, end with it"
    )
    chosen = parser.parse_args(arguments)
    options = WorkerOptions.unpack(chosen.options)
    quiet_threads()
    if chosen.child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        key = sys.stdin.readline().strip()
        follow_parent()
        asyncio.run(serve_child(chosen.address, options, key))
        return 0
    if not chosen.address.startswith("unix:"):
        parser.error("a worker on its own listens on a unix socket only")
    return run_alone(chosen.address, options)


def run_alone(address: str, options: WorkerOptions) -> int:
    """Run a worker nobody started as a child, and return its exit code."""
    code = 0
    try:
        asyncio.run(until_signal(serve_alone(address, options)))
    except* BadModel as group:
        print(f"worker: {group.exceptions[0]}", file=sys.stderr)  # noqa: T201
        code = 2
    return code


if __name__ == "__main__":
    # Leaves without the interpreter's shutdown, in which a thread inside torch may crash.
    code = main()
    sys.stderr.flush()
    os._exit(code)

"""The way to workers behind an HTTP address, such as a Ray Serve application of many replicas.

They are spoken to in frames like any worker: a bridge at this end makes requests of them. A request whose
replica died is made again, as model calls are pure; what people have seen of a written answer is not
written twice.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.errors import DeadlineExceeded, Overloaded, ParleyError, Uncomputable, WorkerUnavailable
from bot.worker.client.link import Link
from bot.worker.client.stream import Stream
from bot.worker.wire import frames
from bot.worker.wire.bodies import LINES, pack_ask, unpack_answer
from bot.worker.wire.errors import WorkerDied, pack_error

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 10.0
HEARTBEAT_SECONDS = 1.0
HEALTH_SECONDS = 5.0
PAUSES = (0.2, 1.0, 3.0)
BUSY_SECONDS = 2.0
BUSY = 503
NONSENSE = (KeyError, TypeError, ValueError, frames.BrokenFrame)


class Broken(Exception):
    """A request came to no answer; made again it may."""


class Http:
    """Workers behind an address `http://HOST:PORT/…` that wants a key."""

    is_ours = False

    def __init__(self, address: str, key: str) -> None:
        self._address = address.rstrip("/")
        self._key = key
        self._cause = ""

    @property
    def name(self) -> str:
        """By its address."""
        return f"The worker at {self._address}"

    @property
    def place(self) -> str:
        """The address."""
        return self._address

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Link]:
        """A connection to a bridge that asks there."""
        self._cause = "it closed the connection"
        async with _session(self._key) as session, _pair() as (near, far):
            bridging = asyncio.create_task(self._bridge(Bridge(session, self._address, *far)))
            try:
                yield Link(*near)
            finally:
                bridging.cancel()
                await asyncio.wait([bridging])

    async def _bridge(self, bridge: Bridge) -> None:
        try:
            await bridge.run()
        except* WorkerDied as died:
            self._cause = str(died.exceptions[0])
        finally:
            bridge.close()

    async def cause_of_end(self, link: Link) -> str:
        """What the bridge found."""
        return self._cause


class Bridge:
    """Takes frames and makes requests of them; gives what comes back as frames."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._session = session
        self._address = address
        self._reader = reader
        self._writer = writer
        self._asking: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until the other end is closed. Raises a group of WorkerDied when nobody is there."""
        async with asyncio.TaskGroup() as group:
            self._write(await self._introduction())
            beating = group.create_task(self._beat())
            while frame := await frames.read(self._reader):
                self._take(group, *frame)
            beating.cancel()
            for each in self._asking.values():
                each.cancel()

    def close(self) -> None:
        """Let the other end know that it is over."""
        self._writer.close()

    async def _introduction(self) -> frames.Header:
        """What the workers serve, as soon as one of them is there."""
        while True:
            try:
                return await self._get("ready")
            except Broken:
                await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _beat(self) -> None:
        """How a replica is, every second; none of a replica that does not say."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                async with asyncio.timeout(HEALTH_SECONDS):
                    self._write({"kind": "heartbeat", "health": await self._get("health")})
            except (Broken, TimeoutError):
                continue

    async def _get(self, path: str) -> dict[str, Any]:
        """A JSON object. Raises Broken, or WorkerDied where it is no use to ask again."""
        import aiohttp

        try:
            async with self._session.get(f"{self._address}/{path}") as response:
                if response.status == 401:
                    raise WorkerDied("it does not take the key")
                if response.status != 200:
                    raise Broken
                found = frames.decode_header(await response.read())
        except aiohttp.ClientConnectorError as error:
            raise WorkerDied(f"it cannot be reached ({error.strerror or error.os_error})") from None
        except (aiohttp.ClientError, OSError, frames.BrokenFrame):
            raise Broken from None
        return found

    def _take(self, group: asyncio.TaskGroup, header: frames.Header, body: bytes) -> None:
        if header["kind"] in ("ask", "asks"):
            for ask in header.get("asks", [header]):
                task = group.create_task(self._answer(ask, body))
                self._asking[ask["id"]] = task
                task.add_done_callback(partial(self._over, ask["id"]))
        elif header["kind"] in ("cancel", "cancels"):
            for number in header.get("ids", [header.get("id")]):
                if number in self._asking:
                    self._asking[number].cancel()

    def _over(self, number: int, _: asyncio.Task[None]) -> None:
        del self._asking[number]

    async def _answer(self, header: frames.Header, body: bytes) -> None:
        """Ask, and ask again while that may help and there is time."""
        try:
            async with asyncio.timeout(header["deadline"]):
                fields, rows = await self._asked(header["id"], pack_ask(header, body))
        except TimeoutError:
            fields, rows = pack_error(DeadlineExceeded("The worker did not answer in time.")), b""
        except ParleyError as error:
            fields, rows = pack_error(error), b""
        self._write({"kind": "answers", "answers": [{"id": header["id"], **fields}]}, rows)

    async def _asked(self, number: int, question: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        stream = Stream()
        for pause in (*PAUSES, 0.0):
            try:
                return await self._post(number, question, stream)
            except Broken:
                await asyncio.sleep(pause)
                stream.restart()
            except NONSENSE:
                raise Uncomputable("The worker gave an answer that is not understood.") from None
        raise WorkerUnavailable(f"The worker at {self._address} broke off again and again.")

    async def _post(
        self, number: int, question: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], bytes]:
        """The answer; pieces before it go out as they come. Raises Broken, Overloaded."""
        import aiohttp

        try:
            async with self._session.post(f"{self._address}/ask", json=question) as response:
                if response.content_type == LINES:
                    return unpack_answer(await self._streamed(number, response.content, stream))
                if response.content_type == "application/json":
                    return unpack_answer(frames.decode_header(await response.read()))
                raise Overloaded(BUSY_SECONDS) if response.status == BUSY else Broken
        except (aiohttp.ClientError, OSError):
            raise Broken from None

    async def _streamed(self, number: int, lines: aiohttp.StreamReader, stream: Stream) -> dict[str, Any]:
        """The last line of an answer that comes in lines."""
        async for each in lines:
            found = frames.decode_header(each)
            if "text" not in found:
                if "values" in found:
                    stream.finish()
                return found
            stream.add(str(found["text"]))
            if fresh := stream.take():
                self._write({"kind": "pieces", "pieces": [{"id": number, "text": fresh}]})
        raise Broken

    def _write(self, header: frames.Header, body: bytes = b"") -> None:
        self._writer.write(frames.encode(header, body))


@asynccontextmanager
async def _session(key: str) -> AsyncIterator[aiohttp.ClientSession]:
    try:
        import aiohttp
    except ModuleNotFoundError:
        raise WorkerDied("aiohttp is not installed here: pip install 'parley[endpoint]'") from None
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {key}"},
        timeout=timeout,
        connector=aiohttp.TCPConnector(limit=0),
        read_bufsize=2**20,
    ) as session:
        yield session


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def _pair() -> AsyncIterator[Sequence[Ends]]:
    """Two ends of one connection within this process."""
    ends, opened = socket.socketpair(), []
    connect = asyncio.open_unix_connection if hasattr(socket, "AF_UNIX") else asyncio.open_connection
    try:
        for each in ends:
            each.setblocking(False)
            opened.append(await connect(sock=each))
        yield opened
    finally:
        for _, writer in opened:
            writer.transport.abort()
        for each in ends:
            each.close()

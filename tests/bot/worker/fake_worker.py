"""A worker that speaks the frames in the test's own process, answers at once, and misbehaves when told."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from bot.worker.wire import address as addresses
from bot.worker.wire import frames

ROLES = ("embedding", "sentiment", "reader", "reranking", "summary", "translation", "chat", "transcription")
DIMENSIONS = 8


def row(text: str) -> list[float]:
    """A vector that depends on the text alone, so that mixed-up answers are seen."""
    return [len(text) + 1, sum(text.encode()) % 997, 1, 0, 0, 0, 0, 0]


def values(role: str, texts: list[str], choices: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """What each role answers, as the protocol wants it."""
    rest = texts[1:]
    if role == "reader":
        return {"spans": [[0, min(5, len(text)), 0.5] for text in rest]}
    if role == "reranking":
        return {"scores": [len(text) / (len(text) + 1) for text in rest]}
    if role == "summary":
        return {"texts": [" ".join(text.split()[: choices["most_words"]]) for text in texts]}
    if role == "translation":
        return {"texts": [f"[{choices['target']}] {text}" for text in texts]}
    if role == "transcription":
        return {"text": f"{len(body)} bytes", "language": "en", "seconds": 1.0}
    good = ["good" in text for text in texts]
    labels = [[["positive", 0.8], ["negative", 0.2]] if each else [["negative", 1.0]] for each in good]
    words = [[[0, min(4, len(text)), 1.0]] if choices.get("explain") else [] for text in texts]
    return {"labels": labels, "words": words}


class FakeWorker:
    """`async with worker.listening():`. Set `held` to keep answers back, `answers` to replace a role's."""

    def __init__(self, address: str, *, key: str = "", roles: tuple[str, ...] = ROLES) -> None:
        self.address = address
        self.key = key
        self.introduction: dict[str, Any] = {
            "kind": "ready",
            "version": 1,
            "model": "fake",
            "dimensions": DIMENSIONS,
            "roles": {role: {"task": "", "model": "fake", "origin": f"{role}-folder"} for role in roles},
        }
        self.health: dict[str, Any] = {}
        self.answers: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.frames = 0
        self.cancelled: set[int] = set()
        self.is_leaving = False
        self.pause = 0.0
        self.go = asyncio.Event()
        self.go.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._writing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[FakeWorker]:
        """Take connections until the block ends; then all of them are over."""
        server, self.address = await addresses.listen(self.address, self._converse)
        try:
            yield self
        finally:
            server.close()
            await self.die()
            await server.wait_closed()

    async def die(self) -> None:
        """End every connection in the middle of whatever it is doing."""
        for task in self._writing:
            task.cancel()
        ended = set(self._open)
        for writer in ended:
            writer.transport.abort()
        while ended & self._open:
            await asyncio.sleep(0.001)

    def tell(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Send a frame to everyone."""
        for writer in self._open:
            writer.write(frames.encode(header, body))

    def leave(self) -> None:
        """Say that nothing new is taken."""
        self.is_leaving = True
        self.tell({"kind": "leaving"})

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        beating = asyncio.create_task(self._beat(writer))
        try:
            frame = await frames.read(reader)
            if frame and hmac.compare_digest(frame[0]["key"], self.key):
                writer.write(frames.encode(self.introduction))
                while frame := await frames.read(reader):
                    self._take(writer, *frame)
        except frames.BrokenFrame:
            pass
        finally:
            beating.cancel()
            writer.close()
            self._open.discard(writer)

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(0.2)
            writer.write(frames.encode({"kind": "heartbeat", "health": self.health}))

    def _take(self, writer: asyncio.StreamWriter, header: dict[str, Any], body: bytes) -> None:
        self.frames += 1
        if header["kind"] in ("cancel", "cancels"):
            self.cancelled |= {*header.get("ids", ()), *([header["id"]] if "id" in header else ())}
            return
        asks = header["asks"] if header["kind"] == "asks" else [header]
        if self.is_leaving:
            refused = [{"id": ask["id"], "error": "Leaving", "reason": "It stops."} for ask in asks]
            writer.write(frames.encode({"kind": "answers", "answers": refused}))
            return
        self.asked += asks
        self._later(self._answer(writer, asks, body))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _answer(self, writer: asyncio.StreamWriter, asks: list[dict[str, Any]], body: bytes) -> None:
        await self.go.wait()
        if self.pause:
            await asyncio.sleep(self.pause)
        told, rows = [], b""
        for ask in asks:
            if ask["id"] in self.cancelled:
                continue
            if ask["role"] == "chat":
                self._later(self._write(writer, ask))
            elif ask["role"] in self.answers:
                told.append({"id": ask["id"], **self.answers[ask["role"]]})
            elif ask["role"] == "embedding":
                told.append({"id": ask["id"], "shape": [len(ask["texts"]), DIMENSIONS]})
                rows += np.array([row(text) for text in ask["texts"]], "<f4").tobytes()
            else:
                answer = values(ask["role"], ask["texts"], ask.get("choices", {}), body)
                told.append({"id": ask["id"], "values": answer})
        writer.write(frames.encode({"kind": "answers", "answers": told}, rows))

    async def _write(self, writer: asyncio.StreamWriter, ask: dict[str, Any]) -> None:
        """The last turn again, a word at a time."""
        for word in self.answers.get("words") or [f"{each} " for each in ask["texts"][-1].split()]:
            await self.go.wait()
            await asyncio.sleep(self.pause)
            if ask["id"] in self.cancelled:
                return
            writer.write(frames.encode({"kind": "pieces", "pieces": [{"id": ask["id"], "text": word}]}))
        last = self.answers.get("chat", {"values": {"is_cut": False}})
        writer.write(frames.encode({"kind": "answers", "answers": [{"id": ask["id"], **last}]}))

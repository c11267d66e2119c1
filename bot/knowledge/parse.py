"""Have files read by a child process that may die of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import bot
from bot.errors import TooLarge, UnreadableDocument
from bot.knowledge.section import Block, Parsed, Section

CHILD = ("-m", "bot.knowledge.child")
GRACE_SECONDS = 5.0
CHUNK = 2**20
DIED = "The file could not be read within the limits of time and memory. Split it, or export it as text."


class Parser:
    """Reads one file at a time, all in the same child process until that dies; then in a new one.

    The child has an empty folder of its own, none of our environment, at most `memory_mb` MiB and
    `seconds` per file, by its own CPU clock and by the wall's.
    """

    def __init__(self, *, seconds: float = 60.0, memory_mb: int = 1024, document_mb: int = 50) -> None:
        self._seconds = seconds
        self._memory = memory_mb
        self._most = document_mb * 2**20
        self._turn = asyncio.Lock()
        self._used = False
        self._child: asyncio.subprocess.Process | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the child process, if one runs."""
        async with self._turn:
            await self._stop()

    async def rest(self) -> None:
        """End a child process that had nothing to do since the last rest; a busy one goes on."""
        if not self._turn.locked() and not self._used:
            await self.close()
        self._used = False

    async def parse(self, name: str, content: bytes) -> Parsed:
        """The sections of a file. Raises UnreadableDocument or TooLarge; the next call works all the same."""
        return _parsed(await self._answer({"name": name}, content))

    async def rewrite(self, name: str, content: bytes, texts: Sequence[str] | None) -> Any:
        """The texts of a file; given others, the file with these, in base 64. Raises as `parse`."""
        answer = await self._answer({"name": name, "texts": None if texts is None else list(texts)}, content)
        return answer["rewritten"]

    async def _answer(self, request: dict[str, Any], content: bytes) -> dict[str, Any]:
        if len(content) > self._most:
            raise TooLarge(
                f"The file is over {self._most // 2**20} MiB. Split it, or raise knowledge.document_mb."
            )
        async with self._turn:
            self._used = True
            try:
                async with asyncio.timeout(self._seconds + GRACE_SECONDS):
                    answer = await self._ask(request, content)
            except (TimeoutError, OSError, EOFError):
                await self._stop()
                raise UnreadableDocument(DIED) from None
            except asyncio.CancelledError:
                await self._stop()
                raise
        if "error" in answer:
            raise UnreadableDocument(answer["error"])
        return answer

    async def _ask(self, fields: dict[str, Any], content: bytes) -> dict[str, Any]:
        child = await self._running()
        assert child.stdin is not None  # noqa: S101  both are pipes
        assert child.stdout is not None  # noqa: S101
        request = json.dumps(fields | {"size": len(content)}).encode()
        child.stdin.write(len(request).to_bytes(4) + request)
        for start in range(0, len(content), CHUNK):
            child.stdin.write(content[start : start + CHUNK])
            await child.stdin.drain()
        await child.stdin.drain()
        size = int.from_bytes(await child.stdout.readexactly(4))
        packed = await child.stdout.readexactly(size)
        answer: dict[str, Any] = await asyncio.to_thread(json.loads, packed)
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._child is None or self._child.returncode is not None:
            await self._stop()
            self._folder = tempfile.TemporaryDirectory(prefix="parley-")
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-s", *CHILD, str(self._memory), str(self._seconds)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=self._folder.name,
                env=_environment(),
                start_new_session=True,
            )
        return self._child

    async def _stop(self) -> None:
        child, self._child = self._child, None
        folder, self._folder = self._folder, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            if child.stdin is not None:
                child.stdin.close()
            await asyncio.shield(child.wait())
        if folder is not None:
            folder.cleanup()


def _environment() -> dict[str, str]:
    """What Python needs to find this program, and nothing that could be a secret."""
    home = str(Path(bot.__file__).resolve().parent.parent)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONPATH": home, "PYTHONDONTWRITEBYTECODE": "1"}


def _parsed(answer: dict[str, Any]) -> Parsed:
    sections = tuple(
        Section(heading, tuple(Block(text, location) for text, location in blocks))
        for heading, blocks in answer["sections"]
    )
    return Parsed(answer["title"], answer["media_type"], sections)

"""Stand-ins for what lies outside the bot: models and a platform."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from bot.connector import Connector, Outgoing
from bot.errors import WorkerUnavailable
from bot.message import Message, Priority
from bot.models import CHAT, TRANSLATION, Models, Transcript, Turn

DIMENSIONS = 256


class FakeModels(Models):
    """Models without a worker: texts that share words are alike. Set `down` to see a bot without models.

    `heard` says what is understood in a recording; of any other its number of bytes is heard.
    `written` is what the chat model writes, word by word, and `turns` what it was last given; when it is
    empty, the last turn is said again. A translation is its text behind the language in brackets.
    """

    def __init__(self) -> None:
        self.down = False
        self.asked: list[tuple[str, ...]] = []
        self.heard: dict[bytes, str] = {}
        self.written = ""
        self.turns: tuple[Turn, ...] = ()

    def status(self) -> str:
        """Whether the test switched it off."""
        return "down" if self.down else "ready"

    def roles(self) -> frozenset[str]:
        """What it serves."""
        return frozenset() if self.down else frozenset({"embedding", "transcription", CHAT, TRANSLATION})

    async def ready(self) -> None:
        """It always is."""

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Hashed bags of words, one unit-length row per text: shape (len(texts), 256)."""
        if self.down:
            raise WorkerUnavailable("The models were switched off by a test.")
        self.asked.append(tuple(texts))
        rows = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in (
                re.findall(r"\w", text) if not text.isascii() else re.findall(r"\w+", text.casefold())
            ):
                row[zlib.crc32(word.encode()) % DIMENSIONS] += 1
            row /= np.linalg.norm(row) or 1
        return rows

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """What the test says is heard in it, at a thousand bytes a second."""
        if self.down:
            raise WorkerUnavailable("The models were switched off by a test.")
        return Transcript(self.heard.get(audio, f"heard {len(audio)} bytes"), "en", len(audio) / 1000)

    async def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """What the test says, or the last turn again."""
        if self.down:
            raise WorkerUnavailable("The models were switched off by a test.")
        self.turns = tuple(turns)
        for word in re.findall(r"\s*\S+", self.written or turns[-1].text):
            yield word

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """`[de] hello`: the same text behind its language."""
        if self.down:
            raise WorkerUnavailable("The models were switched off by a test.")
        return [f"[{target}] {text}" for text in texts]


class RecordingConnector(Connector):
    """A platform that keeps what it is sent and shows a repeated key once."""

    platform = "test"
    delivers_once = True

    def __init__(self) -> None:
        self.sent: dict[str, Outgoing] = {}
        self.drafts: list[str] = []
        self.typing: list[str] = []

    async def run(self, bot: object) -> None:
        """Nothing comes in by itself: the harness speaks."""
        await asyncio.Event().wait()

    async def send(self, outgoing: Outgoing) -> str:
        """Keep one part."""
        self.sent.setdefault(outgoing.key, outgoing)
        return outgoing.key

    async def show_typing(self, message: Message) -> None:
        """Keep whose message is worked on."""
        self.typing.append(message.key)

    async def show_draft(self, message: Message, text: str, key: str) -> None:
        """Keep a draft."""
        self.drafts.append(text)

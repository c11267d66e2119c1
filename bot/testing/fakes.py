"""Stand-ins for what lies outside the bot: models and a platform."""

from __future__ import annotations

import asyncio
import math
import re
import zlib
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from bot.connector import Connector, Outgoing
from bot.errors import WorkerUnavailable
from bot.message import Message, Priority
from bot.models import (
    BUILT_IN,
    SENTIMENT,
    TASKS,
    Labels,
    Models,
    Span,
    Transcript,
    Turn,
    Weight,
)

DIMENSIONS = 256


class FakeModels(Models):
    """Models without a worker: texts that share words are alike. Set `down` to see a bot without models.

    `heard` says what is understood in a recording; of any other its number of bytes is heard.
    `written` is what the chat model writes, word by word, and `turns` what it was last given; when it is
    empty, the last turn is said again. A translation is its text behind the language in brackets, a summary
    the text's first words. What is classified is negative or positive by a few plain words.
    """

    good = frozenset(["great", "happy", "love", "thanks", "good"])
    bad = frozenset(["terrible", "awful", "hate", "broken", "bad", "angry"])

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
        return frozenset() if self.down else frozenset(TASKS)

    def origin(self, role: str) -> str:
        """As if all came with parley."""
        return BUILT_IN if role in self.roles() else ""

    def _check(self) -> None:
        if self.down:
            raise WorkerUnavailable("The models were switched off by a test.")

    async def ready(self) -> None:
        """It always is."""

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Hashed bags of words, one unit-length row per text: shape (len(texts), 256)."""
        self._check()
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
        self._check()
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
        self._check()
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
        self._check()
        return [f"[{target}] {text}" for text in texts]

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """Negative, neutral or positive, or toxic or ok, by the words in `good` and `bad`."""
        self._check()
        self.asked.append(tuple(texts))
        return [self._labels(text, role, explain) for text in texts]

    def _labels(self, text: str, role: str, explain: bool) -> Labels:
        found = [(each, each.group().casefold()) for each in re.finditer(r"\w+", text)]
        score = sum((word in self.good) - (word in self.bad) for _, word in found)
        positive = 1 / (1 + math.exp(-2 * score))
        if role == SENTIMENT:
            neutral = 0.6 if score == 0 else 0.1
            rest = 1 - neutral
            each = {"negative": rest * (1 - positive), "neutral": neutral, "positive": rest * positive}
        else:
            each = {"toxic": 1 - positive if score else 0.1, "ok": positive if score else 0.9}
        words = tuple(
            Weight(place.start(), place.end(), 1.0)
            for place, word in found
            if explain and word in self.good | self.bad
        )
        return Labels(tuple(sorted(each.items(), key=lambda item: -item[1])), words)

    async def extract(
        self,
        question: str,
        passages: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Span]:
        """The first word of each passage that the question does not have."""
        self._check()
        asked = set(re.findall(r"\w+", question.casefold()))
        spans = []
        for passage in passages:
            new = [each for each in re.finditer(r"\w+", passage) if each.group().casefold() not in asked]
            spans.append(
                Span(new[0].group(), new[0].start(), new[0].end(), 0.9) if new else Span("", 0, 0, 0)
            )
        return spans

    async def rerank(
        self,
        query: str,
        texts: Sequence[str],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[float]:
        """The cosine of `embed`."""
        rows = await self.embed([query, *texts])
        return [float(each) for each in rows[1:] @ rows[0]]

    async def summarize(
        self,
        texts: Sequence[str],
        *,
        most_words: int = 120,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """The first words of each text."""
        self._check()
        return [" ".join(text.split()[:most_words]) for text in texts]


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

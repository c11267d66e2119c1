"""How the bot asks a server that speaks the OpenAI protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiohttp
import numpy as np

from bot.endpoint import values
from bot.endpoint.classifying import label_turns
from bot.endpoint.gate import Gate
from bot.endpoint.options import EndpointOptions
from bot.endpoint.requests import Requests, Wait, open_session
from bot.endpoint.stream import NONSENSE, Answer
from bot.endpoint.summarizing import summary_turns
from bot.endpoint.translating import bare, translation_turns
from bot.errors import BadInput, BadModel, TooLarge, Uncomputable
from bot.message import Priority
from bot.models import (
    CHAT,
    EMBEDDING,
    SENTIMENT,
    SUMMARY,
    TRANSCRIPTION,
    TRANSLATION,
    Labels,
    NoModels,
    Speaker,
    Transcript,
    Turn,
)

if TYPE_CHECKING:
    from bot.models import Vectors

Value = TypeVar("Value")

CUT = " …"
TEXTS = 64
LONGEST_TEXT = 16 * 1024
MIB = 2**20
ROLES = {Speaker.SYSTEM: "system", Speaker.PERSON: "user", Speaker.BOT: "assistant"}


class Endpoint(NoModels):
    """`async with Endpoint(options) as endpoint`: the roles that one server is chosen for.

    Nothing is contacted before it is asked. A request that fails before its first words is tried again,
    twice at most; after them it is not, so that nobody reads anything twice. What does not fit what was
    asked is Uncomputable.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._gate = Gate(options.concurrency)

    async def __aenter__(self) -> Self:
        self._session = open_session(self._options)
        self._requests = Requests(self._options, self._gate, self._session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def status(self) -> str:
        """The model and where it is."""
        others = sorted(self.roles() - {CHAT, TRANSLATION})
        more = f" So do {', '.join(others)}." if others else ""
        return f"Chat goes to {self._options.model} at {self._options.url}.{more}"

    def roles(self) -> frozenset[str]:
        """What it is chosen for."""
        return self._options.roles

    def origin(self, role: str) -> str:
        """The model's name at the endpoint."""
        return self._options.model_of(role) if role in self.roles() else ""

    async def models(self) -> list[str] | None:
        """The names of the models the server has; None when it does not say. Raises ModelError."""
        found = await self._requests.listed()
        if found is None:
            return None
        listed = found.get("data")
        if not isinstance(listed, list):
            raise Uncomputable(NONSENSE)
        return [str(each["id"]) for each in listed if isinstance(each, dict) and "id" in each]

    async def generate(
        self,
        turns: Sequence[Turn],
        *,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
        most_tokens: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """The model's next turn as it is written."""
        most = min(most_tokens or self._options.max_tokens, self._options.max_tokens)
        answer, wait = Answer(), self._wait(deadline)
        body = self._body(CHAT, turns, most)
        async with aclosing(self._requests.stream(answer, body, priority, wait)) as pieces:
            async for piece in pieces:
                yield piece
        if answer.is_cut:
            yield CUT

    async def translate(
        self,
        texts: Sequence[str],
        *,
        target: str,
        source: str = "",
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Each text by a request of its own, as many at once as may be."""
        turns = [translation_turns(text, source=source, target=target) for text in texts]
        found = await self._written(TRANSLATION, turns, priority, deadline)
        return ["" if each is None or each.is_cut else bare(each.text) for each in found]

    async def summarize(
        self,
        texts: Sequence[str],
        *,
        most_words: int = 120,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[str]:
        """Each text by a request of its own; empty for one that fails while others do not."""
        turns = [summary_turns(text, most_words) for text in texts]
        found = await self._written(SUMMARY, turns, priority, deadline)
        return ["" if each is None else bare(each.text) for each in found]

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """Each text by a request of its own. A chat model does not tell what decided. Raises BadModel."""
        labels = self._options.labels.get(role, ())
        if role not in self.roles() or not labels:
            raise BadModel(f"The labels of {role} are not known. Set labels in [models.{role}].")
        turns = [label_turns(text[:LONGEST_TEXT], labels) for text in texts]
        found = await self._written(role, turns, priority, deadline, temperature=0, are_all_needed=True)
        return [values.labels(each.text, labels) for each in found if each is not None]

    async def embed(
        self, texts: Sequence[str], *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Vectors:
        """Rows of unit length. Without texts they have no dimensions."""
        wait, model = self._wait(deadline), self._options.model_of(EMBEDDING)
        parts = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]

        async def one(part: Sequence[str]) -> Vectors:
            asked = [text[:LONGEST_TEXT] or " " for text in part]
            body = {"model": model, "input": asked, "encoding_format": "float"}
            return values.vectors(
                await self._requests.whole("embeddings", priority, wait, body=body), len(part)
            )

        rows = await together([one(part) for part in parts])
        if len({each.shape[1] for each in rows}) > 1:
            raise Uncomputable(NONSENSE)
        return np.concatenate(rows) if rows else np.zeros((0, 0), dtype=np.float32)

    async def transcribe(
        self, audio: bytes, *, priority: Priority = Priority.PERSON, deadline: float | None = None
    ) -> Transcript:
        """The words of a recording, which is sent as a file."""
        if len(audio) > self._options.recording_mb * MIB:
            raise TooLarge(
                f"The recording is over {self._options.recording_mb} MiB. Send it in shorter parts."
            )
        if not audio:
            raise BadInput("The recording is empty.")
        model, wait = self._options.model_of(TRANSCRIPTION), self._wait(deadline)

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData({"model": model, "response_format": "json"})
            made.add_field("file", audio, filename=values.file_name(audio))
            return made

        return values.transcript(
            await self._requests.whole("audio/transcriptions", priority, wait, form=form)
        )

    async def _written(
        self,
        role: str,
        asked: Sequence[Sequence[Turn]],
        priority: Priority,
        deadline: float | None,
        *,
        temperature: float | None = None,
        are_all_needed: bool = False,
    ) -> list[Answer | None]:
        """The answer to each; None for one that fails alone. Raises when none is left, or one is needed."""
        wait = self._wait(deadline)

        async def one(turns: Sequence[Turn]) -> Answer | Uncomputable:
            body, answer = self._body(role, turns, self._options.max_tokens), Answer()
            if temperature is not None:
                body["temperature"] = temperature
            try:
                async with aclosing(self._requests.stream(answer, body, priority, wait)) as pieces:
                    async for _ in pieces:
                        pass
            except Uncomputable as error:
                return error
            return answer

        found = await together([one(turns) for turns in asked])
        failed = [each for each in found if isinstance(each, Uncomputable)]
        if failed and (are_all_needed or len(failed) == len(found)):
            raise failed[0]
        return [each if isinstance(each, Answer) else None for each in found]

    def _body(self, role: str, turns: Sequence[Turn], most_tokens: int) -> dict[str, Any]:
        return {
            "model": self._options.model_of(role),
            "messages": _merged(turns),
            "max_tokens": most_tokens,
            "stream": True,
        }

    def _wait(self, deadline: float | None) -> Wait:
        return Wait(self._options.seconds if deadline is None else deadline)


async def together(asked: Sequence[Coroutine[Any, Any, Value]]) -> list[Value]:
    """All results, in order. The first failure ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in asked]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [each.result() for each in tasks]


def _merged(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """The turns as the protocol has them. Neighbours of one role become one: many models want it so."""
    messages: list[dict[str, str]] = []
    for turn in turns:
        role = ROLES[turn.role]
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n\n{turn.text}"
        else:
            messages.append({"role": role, "content": turn.text})
    return messages

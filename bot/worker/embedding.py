"""The role that turns texts into vectors: one thread finds their tokens, one computes batch after batch."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.errors import BadModel, ModelError
from bot.models import EMBEDDING
from bot.worker.batching import Scheduler
from bot.worker.catalogue import find_entry, make_engine
from bot.worker.inference import Inference, Outcome
from bot.worker.options import WorkerOptions, thread_count
from bot.worker.role import Ask, Deliver, Role, start_thread


class Embedding(Role):
    """Serves `embedding` once it is loaded."""

    def __init__(self, options: WorkerOptions, deliver: Deliver) -> None:
        self._options = options
        self._deliver = deliver
        self._inference: Inference | None = None
        self._tokenizer = ThreadPoolExecutor(1, thread_name_prefix="tokens")
        self._tokenizing: dict[int, int] = {}
        self._texts_tokenizing = 0

    async def load(self) -> dict[str, Any]:
        """Load the model and begin to compute. What bots are told of it: its name and dimensions.

        Raises BadModel.
        """
        self._loop = asyncio.get_running_loop()
        loaded: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        start_thread(lambda: self._work(loaded), "batches")
        return await loaded

    def _work(self, loaded: asyncio.Future[dict[str, Any]]) -> None:
        try:
            entry = find_entry(EMBEDDING, self._options)
            engine = make_engine(entry, thread_count(self._options))
        except BadModel as error:
            self._loop.call_soon_threadsafe(loaded.set_exception, error)
            return
        scheduler = Scheduler(
            budget=engine.budget,
            max_items=self._options.max_queue_items,
            max_tokens=self._options.max_queue_tokens,
        )
        self._inference = inference = Inference(engine, scheduler, self._deliver)
        told = {"model": entry.name, "dimensions": engine.dimensions}
        self._loop.call_soon_threadsafe(loaded.set_result, told)
        inference.run()

    def ask(self, number: int, ask: Ask) -> None:
        """Take texts. Raises BadModel before the model is loaded, Overloaded when the queue is full."""
        if self._inference is None:
            raise BadModel(f"No model is ready for {EMBEDDING!r}.")
        self._inference.check_room(len(ask.texts) + self._texts_tokenizing, 0, ask.priority)
        self._tokenizing[number] = len(ask.texts)
        self._texts_tokenizing += len(ask.texts)
        self._tokenizer.submit(self._tokenize, self._inference, number, ask)

    def _tokenize(self, inference: Inference, number: int, ask: Ask) -> None:
        """On the thread for tokens: hand the request over to the thread of batches."""
        outcome = Outcome(number)
        try:
            if number in self._tokenizing:
                inference.submit(number, inference.tokenize(ask.texts), ask.priority, ask.deadline)
        except ModelError as error:
            outcome = Outcome(number, error=error)
        self._loop.call_soon_threadsafe(self._tokenized, len(ask.texts), inference, outcome)

    def _tokenized(self, count: int, inference: Inference, outcome: Outcome) -> None:
        self._texts_tokenizing -= count
        if self._tokenizing.pop(outcome.request, None) is None:
            inference.cancel(outcome.request)
        elif outcome.error:
            self._deliver([outcome])

    def cancel(self, number: int) -> None:
        """Forget what is not computed yet."""
        self._tokenizing.pop(number, None)
        if self._inference:
            self._inference.cancel(number)

    def health(self) -> dict[str, Any]:
        """Counts of texts, tokens and batches; nothing before the model is loaded."""
        return self._inference.health() if self._inference else {}

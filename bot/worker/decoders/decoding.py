"""Write the answers of many conversations at once, a token a step. Imported in the worker's process alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from bot.errors import BadInput, BadModel, TooLarge, Uncomputable
from bot.worker.catalogue import Entry
from bot.worker.decoders.forward import Forward, context_of
from bot.worker.decoders.prompts import Prompts
from bot.worker.decoders.rows import Rows
from bot.worker.decoders.sampling import Sampling
from bot.worker.decoders.spelling import Speller
from bot.worker.decoders.writing import Answer
from bot.worker.decoders.writing import Piece as Piece
from bot.worker.loading import (
    device_name,
    ends_of,
    free_memory,
    is_out_of_memory,
    load_model,
    load_part,
    number_type,
    prepare,
)
from bot.worker.merging import merge

# Answers that are written together, and padded tokens read in a step: where throughput levels off.
CPU_ANSWERS, CUDA_ANSWERS = 64, 256
CPU_BUDGET, CUDA_BUDGET = 384, 8192
# The most that a prompt leaves to its answer.
ANSWER_TOKENS = 1024
# Prompts read by turns, so that a long one does not keep short ones waiting.
READERS = 2
# Batches of prompts may be padded by this part of the budget.
WASTE = 1 / 8
REGROWTH = 1.005


class Decoder:
    """Continuous batching for any causal model of transformers that keeps keys and values.

    A request joins between two steps and leaves after its last token; prompts are read between the
    steps of the others, long ones in parts. Greedy answers equal those of `generate` for the prompt alone.
    More than `most_answers` at once only wait in it.
    `step` belongs to one thread; the other methods may be used by another at the same time.
    """

    def __init__(self, entry: Entry, threads: int) -> None:
        device = prepare(threads)
        config = load_part(AutoConfig, entry)
        if config.is_encoder_decoder:
            raise BadModel(f"{entry.folder} holds a {config.model_type} model, which does not chat.")
        self._tokenizer = load_part(AutoTokenizer, entry)
        model = load_model(AutoModelForCausalLM, entry, number_type(device)).to(device).eval()
        if entry.adapter:
            merge(model, entry.adapter)
        on_cuda = device.type == "cuda"
        self.device = device_name(device, threads)
        self.budget = CUDA_BUDGET if on_cuda else CPU_BUDGET
        self.context = context_of(model, self._tokenizer, entry.max_tokens)
        self._prompts = Prompts(self._tokenizer, self.context - min(ANSWER_TOKENS, self.context // 4))
        self._sampling = Sampling.of(model.generation_config)
        self._ends = ends_of(model, self._tokenizer)
        self._forward = Forward(model)
        self._forward.check(entry)
        self.most_answers = CUDA_ANSWERS if on_cuda else CPU_ANSWERS
        self._room = self._full_room = float(self._forward.room())
        # Other threads write to these three, and the one that steps alone to the rest.
        self._numbers: set[int] = set()
        self._added: deque[Answer] = deque()
        self._cancelled: deque[int] = deque()
        self._waiting: deque[Answer] = deque()
        self._reading: deque[Rows] = deque()
        self._writing: deque[Rows] = deque()

    @property
    def active(self) -> int:
        """Requests that are not answered yet."""
        return len(self._numbers)

    def prompt(self, turns: Sequence[tuple[str, str]]) -> list[int]:
        """The tokens of a conversation of (role, text): see Prompts. Raises BadInput, TooLarge."""
        return self._prompts.prompt(turns)

    def add(self, number: int, prompt: list[int], *, most_tokens: int, temperature: float = 0.0) -> None:
        """Take a request. At temperature 0 each token is the likeliest. Raises BadInput, TooLarge."""
        if not prompt or most_tokens < 1 or not 0 <= min(prompt) <= max(prompt) < self._forward.vocabulary:
            raise BadInput("A request needs a prompt of the model's own tokens, and room for an answer.")
        if len(prompt) >= self.context:
            raise TooLarge(f"A prompt may have at most {self.context - 1} tokens for this model.")
        answer = Answer(
            number,
            prompt,
            most_tokens=min(most_tokens, self.context - len(prompt)),
            temperature=max(0.0, temperature),
            ends=self._ends,
            speller=Speller(self._tokenizer, self._prompts.stop),
        )
        self._numbers.add(number)
        self._added.append(answer)

    def cancel(self, number: int) -> None:
        """Forget a request: from the next step on nothing is done for it."""
        self._cancelled.append(number)
        self._numbers.discard(number)

    @torch.inference_mode()
    def step(self) -> list[Piece]:
        """Read a part of the prompts that wait, and write a token of each answer; what became certain."""
        self._hear()
        self._admit()
        pieces = []
        if self._reading:
            pieces += self._advance(self._reading.popleft())
        if self._writing:
            pieces += self._advance(self._writing.popleft())
        self._numbers.difference_update(piece.number for piece in pieces if piece.is_last)
        return pieces

    def _advance(self, rows: Rows) -> list[Piece]:
        """A step of answers that are in no queue; they go back to one when they are not done."""
        try:
            tokens = rows.step(self.budget)
        except Exception as error:  # noqa: BLE001 - a wall: a model may raise anything
            return self._failed(rows, error)
        self._room = min(self._full_room, self._room * REGROWTH)
        if tokens is None:
            self._reading.append(rows)
            return []
        written = [answer.write(token) for answer, token in zip(rows.answers, tokens, strict=True)]
        if self._stay(rows, [not answer.is_done for answer in rows.answers]):
            self._settle(rows)
        return [piece for piece in written if piece]

    def _settle(self, rows: Rows) -> None:
        """Let answers write with others, where that costs less than a pass of their own.

        By memory traffic: a pass of their own reads all weights again, padding the empty columns.
        """
        for others in self._writing:
            fits = len(others.answers) + len(rows.answers) <= self.most_answers
            waste = others.waste(rows) * self._forward.column_bytes
            if fits and waste <= self._forward.weight_bytes and not (others.is_apart or rows.is_apart):
                others.join(rows)
                return
        self._writing.append(rows)

    def _failed(self, rows: Rows, error: Exception) -> list[Piece]:
        """What a failure touches is tried again in halves, down to one answer, which fails alone.

        Without memory they wait for others to end, while fewer may be written at once.
        """
        is_alone = len(rows.answers) == 1
        if is_out_of_memory(error):
            free_memory(self._forward.device)
            if not is_alone or any(self._all()):
                self._room = max(1.0, self._reserved([rows, *self._all()]) / 2)
                self._waiting.extendleft(reversed(rows.answers))
                return []
            return [rows.answers[0].fail(Uncomputable("The device has no memory left for this answer."))]
        if is_alone:
            reason = f"The model failed on this answer ({type(error).__name__})."
            return [rows.answers[0].fail(Uncomputable(reason))]
        half = len(rows.answers) // 2
        for answers in (rows.answers[:half], rows.answers[half:]):
            self._reading.append(self._rows(answers, is_apart=True))
        return []

    def _admit(self) -> None:
        """Begin to read prompts that wait, as far as there is room."""
        while self._waiting and len(self._reading) < READERS:
            answers = self._next_prompts()
            if not answers:
                return
            self._reading.append(self._rows(answers))

    def _next_prompts(self) -> list[Answer]:
        """The oldest prompt that waits, and those nearest to it in length: at most a budget together."""
        taken: list[Answer] = []
        room = self._room - self._reserved(self._all())
        places = self.most_answers - sum(len(rows.answers) for rows in self._all())
        oldest = self._waiting[0]
        for answer in sorted(self._waiting, key=lambda each: abs(each.length - oldest.length)):
            width = max(answer.length, *(each.length for each in taken), 0)
            size = width * (len(taken) + 1)
            waste = size - sum(each.length for each in taken) - answer.length
            room -= answer.most_length
            is_small = size <= self.budget and waste <= self.budget * WASTE
            is_first = not taken and not any(self._all())
            if len(taken) >= places or (room < 0 and not is_first) or (taken and not is_small):
                break
            taken.append(answer)
        for answer in taken:
            self._waiting.remove(answer)
        return taken

    def _hear(self) -> None:
        """Take in what was added and cancelled since the last step."""
        while self._added:
            self._waiting.append(self._added.popleft())
        cancelled = {self._cancelled.popleft() for _ in range(len(self._cancelled))}
        if not cancelled:
            return
        self._waiting = deque(answer for answer in self._waiting if answer.number not in cancelled)
        for queue in (self._reading, self._writing):
            for rows in list(queue):
                if not self._stay(rows, [answer.number not in cancelled for answer in rows.answers]):
                    queue.remove(rows)

    def _stay(self, rows: Rows, stays: list[bool]) -> bool:
        """Keep the answers that stay; whether there is one."""
        kept = [place for place, stay in enumerate(stays) if stay]
        if kept:
            rows.keep(kept)
        return bool(kept)

    def _rows(self, answers: Sequence[Answer], *, is_apart: bool = False) -> Rows:
        return Rows(answers, self._forward, self._sampling, is_apart=is_apart)

    def _all(self) -> Iterator[Rows]:
        yield from self._reading
        yield from self._writing

    @staticmethod
    def _reserved(batches: Iterator[Rows] | list[Rows]) -> int:
        """Columns that answers will need before they end."""
        return sum(answer.most_length for rows in batches for answer in rows.answers)

"""Write texts anew, in another language or in fewer words, by an encoder-decoder model. torch lives here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from bot.errors import BadModel
from bot.models import Task
from bot.networks import register
from bot.worker.catalogue import Entry
from bot.worker.decoders.control import Control
from bot.worker.decoders.repetition import without_loop
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
from bot.worker.seq2seq.brevity import shortened
from bot.worker.seq2seq.targets import Frame, content, plain, targets_of

# Padded tokens of a batch, for each beam: where throughput levels off.
CPU_BUDGET, CUDA_BUDGET = 512, 16_384
MOST_BEAMS = 4
# A translation has at most so many tokens for each of its source, and these besides.
GROWTH, EXTRA = 2, 20
TOKENS_PER_WORD = 1.6
UNKNOWN_LENGTH = 512
# What stands around a text, such as "translate English to German: ".
FRAME_TOKENS = 24
LONGEST_TOKEN = 32


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked of texts that are computed together. `most_words` is 0 for a translation."""

    frame: Frame
    most_words: int = 0


class Rewriter:
    """Translates or summarises with any encoder-decoder of transformers: Marian, NLLB, M2M100, T5, BART …

    A text too long for the model to translate is answered with "", as is one without words. `between`
    is called after each token, and ends the batch when it returns True.
    """

    def __init__(self, entry: Entry, threads: int) -> None:
        device = prepare(threads)
        register()
        config = load_part(AutoConfig, entry)
        if not config.is_encoder_decoder:
            raise BadModel(f"{entry.folder} holds a {config.model_type} model, which does not rewrite texts.")
        self._summarizes = entry.task == Task.SUMMARIZATION
        self._tokenizer = load_part(AutoTokenizer, entry)
        self._model = load_model(AutoModelForSeq2SeqLM, entry, number_type(device)).to(device).eval()
        if entry.adapter:
            merge(self._model, entry.adapter)
        self._control = Control(self._tokenizer)
        self._targets = None if self._summarizes else targets_of(self._tokenizer, config, entry)
        self._longest = longest_of(config, self._tokenizer, entry)
        self._beams = min(MOST_BEAMS, self._model.generation_config.num_beams or 1)
        self._pad = padding_of(self._model, self._tokenizer)
        self._ends = ends_of(self._model, self._tokenizer)
        self.device = device_name(device, threads)
        self.budget = (CUDA_BUDGET if device.type == "cuda" else CPU_BUDGET) // self._beams
        self.between: Callable[[], bool] = lambda: False

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text alone; none for one that is too long to translate."""
        room = self._longest - FRAME_TOKENS
        cut = [self._control.harmless(text[: room * LONGEST_TOKEN].strip()) for text in texts]
        tokens = self._tokenizer(cut, add_special_tokens=False)["input_ids"] if cut else []
        if self._summarizes:
            return [each[:room] for each in tokens]
        return [each if len(each) <= room else [] for each in tokens]

    def choose(self, choices: Mapping[str, Any]) -> Choice:
        """What is to be written: `target` and perhaps `source`, or `most_words`.

        Raises BadInput for a language that the model cannot write.
        """
        if self._targets is None:
            return Choice(self._summary_frame(), max(1, int(choices.get("most_words") or 120)))
        return Choice(self._targets.frame(str(choices.get("target") or ""), str(choices.get("source") or "")))

    def compute(self, batch: Sequence[Sequence[int]], choice: Choice) -> list[str | None]:
        """What is written for each; None where the model's numbers are not finite. Raises MemoryError."""
        written: list[str | None] = [""] * len(batch)
        try:
            for places in self._parts(batch):
                texts = self._write([batch[place] for place in places], choice)
                for place, text in zip(places, texts, strict=True):
                    written[place] = text
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            free_memory(self._model.device)
            raise MemoryError("the device has no room for this batch") from None
        return written

    def _parts(self, batch: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """The places of texts that fit the budget together, those alike in length side by side."""
        part: list[int] = []
        for place in sorted(range(len(batch)), key=lambda each: len(batch[each])):
            if part and len(batch[place]) * (len(part) + 1) > self.budget:
                yield part
                part = []
            if batch[place]:
                part.append(place)
        if part:
            yield part

    @torch.inference_mode()
    def _write(self, texts: Sequence[Sequence[int]], choice: Choice) -> list[str | None]:
        frame = choice.frame
        tokens, mask = self._padded([[*frame.before, *text, *frame.after] for text in texts])
        ended, watch = Ended(self.between), Watch()
        written = self._model.generate(
            input_ids=tokens,
            attention_mask=mask,
            stopping_criteria=StoppingCriteriaList([ended]),
            logits_processor=LogitsProcessorList([watch]),
            num_beams=self._beams,
            do_sample=False,
            **self._lengths(texts, choice),
            **({} if frame.first is None else {"forced_bos_token_id": frame.first}),
        )
        if ended.is_ended:
            return [""] * len(texts)
        failed = watch.failed_of(len(texts))
        rows = zip(written.tolist(), texts, failed, strict=True)
        return [None if is_bad else self._text(row, text, choice) for row, text, is_bad in rows]

    def _lengths(self, texts: Sequence[Sequence[int]], choice: Choice) -> dict[str, int]:
        most = max(self._most(text, choice) for text in texts)
        least = self._model.generation_config.min_length or 0 if choice.most_words else 0
        return {"max_new_tokens": most, "min_length": min(least, most // 2, min(map(len, texts)) // 2)}

    def _most(self, text: Sequence[int], choice: Choice) -> int:
        """How many tokens may be written for a text."""
        words = int(choice.most_words * TOKENS_PER_WORD)
        return min(self._longest - 2, (words or GROWTH * len(text)) + EXTRA)

    def _text(self, row: list[int], source: Sequence[int], choice: Choice) -> str:
        """What is written for a text, within its own room: others of its batch may have more."""
        written = row[1 : 1 + self._most(source, choice)]
        is_cut = not self._ends & set(written)
        kept = [token for token in written if token not in (self._pad, choice.frame.first)]
        kept = without_loop(kept, source) if is_cut else kept
        text = str(self._tokenizer.decode(kept, skip_special_tokens=True)).strip()
        return shortened(text, choice.most_words, is_cut=is_cut) if choice.most_words else text

    def _summary_frame(self) -> Frame:
        """What stands around a text to be summarised: T5 is told in words."""
        frame = plain(self._tokenizer)
        config = self._model.config
        tasks = getattr(config, "task_specific_params", None) or {}
        usual = "summarize: " if config.model_type == "t5" else ""
        words = str(tasks.get("summarization", {}).get("prefix", usual)).rstrip()
        return Frame((*frame.before, *(content(self._tokenizer, words) if words else ())), frame.after)

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token numbers and attention mask, both (rows, longest), padded at the end."""
        longest = max(map(len, rows))
        tokens = torch.tensor([row + [self._pad] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        return tokens.to(self._model.device), mask.to(self._model.device)


class Ended(StoppingCriteria):
    """Ends all texts of a batch when nobody waits for any of them."""

    def __init__(self, between: Callable[[], bool]) -> None:
        self._between = between
        self.is_ended = False

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """True for each row once the batch is ended."""
        self.is_ended = self.is_ended or bool(self._between())
        return torch.full((len(input_ids),), self.is_ended, device=input_ids.device)


class Watch(LogitsProcessor):
    """Notes which texts of a batch get numbers that are not finite, without waiting for the device."""

    def __init__(self) -> None:
        self._failed: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The same numbers; zeros for the rows that have none."""
        failed = ~scores.amax(-1).isfinite()
        self._failed = failed if self._failed is None else self._failed | failed
        return scores.masked_fill(failed[:, None], 0.0)

    def failed_of(self, texts: int) -> list[bool]:
        """Whether each text failed; all its beams belong to it."""
        if self._failed is None:
            return [False] * texts
        failed: list[bool] = self._failed.view(texts, -1).any(1).tolist()
        return failed


def longest_of(config: Any, tokenizer: Any, entry: Entry) -> int:
    """Tokens of a text that the model reads, with what stands around it."""
    known = [getattr(config, "max_position_embeddings", None), tokenizer.model_max_length, entry.max_tokens]
    lengths = [int(each) for each in known if each and each < 1_000_000]
    return max(FRAME_TOKENS + 8, min(lengths, default=UNKNOWN_LENGTH))


def padding_of(model: Any, tokenizer: Any) -> int:
    """The token that fills rows up."""
    for pad in (model.generation_config.pad_token_id, model.config.pad_token_id, tokenizer.pad_token_id):
        if pad is not None:
            return int(pad)
    return 0

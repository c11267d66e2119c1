"""Learn to read: where in a passage the answer to a question stands, by a head on an encoder."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
from transformers.utils import logging as transformers_logging

from bot.errors import BadInput, BadModel
from bot.evaluation.questions import overlap, same
from bot.training.courses.questions import Question, Read, read_questions, windows_of
from bot.training.loop.plan import Plan
from bot.training.loop.request import Request
from bot.training.rows.lessons import batch_rows, in_batches, pad
from bot.worker.catalogue import ITS_BASE, built_in_encoder

if TYPE_CHECKING:
    from bot.training.loop.run import Batch

HELD_OUT = 0.1
LONGEST_ANSWER = 40
VALIDATION_TOKENS = 8192
ADAPTER = "adapter"
NETWORK: Mapping[str, Any] = {
    "most_tokens": 256,
    "dropout": 0.1,
    "frozen": ["embeddings"],
    "strangers": 0.0,
    "validated": 0,
    "half": False,
}
"""What a plan may say under `network`: tokens of a window, dropout of the encoder, beginnings of the names
of its tensors that stay as they are, the share of questions that are also asked of a passage of another
row, where the answer is that there is none, how many development questions are looked at (0: all), and
whether numbers are saved in 16 bits."""
PLAN = Plan(
    epochs=2,
    learning_rate=2e-4,
    warmup=60,
    batch_tokens=2048,
    validations=2,
    average=0.98,
    beta2=0.999,
    network=NETWORK,
)


def default_plan(request: Request) -> Plan:
    """How an encoder the size of MiniLM is fine-tuned."""
    return PLAN


def study(request: Request, plan: Plan) -> Reading:
    """Read the questions, and put a new head on the built-in encoder or on that of a folder.

    Raises BadInput and BadModel.
    """
    if unknown := set(plan.network) - set(NETWORK):
        raise BadInput(f"The plan's network has no {min(unknown)!r}; it has {', '.join(NETWORK)}.")
    questions = read_questions(request.data)
    if request.development:
        development = read_questions(request.development)
    else:
        random.Random(plan.seed).shuffle(questions)  # noqa: S311 - an order, no secret
        held_out = max(1, round(HELD_OUT * len(questions)))
        questions, development = questions[held_out:], questions[:held_out]
    own = request.architecture
    base, folder = (own, Path(own)) if own else built_in_encoder()[:2]
    model, tokenizer = load_reader(folder, plan.network["dropout"], plan.seed)
    strangers = with_strangers(questions, plan.network["strangers"], plan.seed)
    most = plan.network["validated"] or len(development)
    return Reading(model, tokenizer, [*questions, *strangers], development[:most], plan, base=base)


def load_reader(folder: Path, dropout: float, seed: int) -> tuple[Any, Any]:
    """An encoder with a head for spans and a fast tokenizer. Raises BadModel."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if not folder.is_dir():
        raise BadModel(f"There is no model folder {folder}.")
    torch.manual_seed(seed)
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        model = AutoModelForQuestionAnswering.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **safe
        )
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BadModel(f"The model in {folder} cannot be loaded: {reason[:300]}") from None
    if not tokenizer.is_fast:
        raise BadModel(f"The tokenizer in {folder} does not tell the places of its tokens (tokenizer.json).")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    return model, tokenizer


def with_strangers(questions: Sequence[Question], share: float, seed: int) -> list[Question]:
    """Some of the questions, each with a passage of another row in which its answer does not stand."""
    chance = random.Random(seed)  # noqa: S311 - a choice, no secret
    chosen = chance.sample(list(questions), round(share * len(questions)))
    others = [chance.choice(questions).passage for _ in chosen]
    return [
        Question(each.text, passage, ())
        for each, passage in zip(chosen, others, strict=True)
        if not any(each.passage[start:end] in passage for start, end in each.answers)
    ]


class Windows(Sequence["Batch"]):
    """Batches of windows: tokens, mask and types (rows, longest), first and last tokens (rows)."""

    def __init__(self, reads: Sequence[Read], rows: Sequence[Sequence[int]], filler: int) -> None:
        self._reads, self._rows, self._filler = reads, rows, filler

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: Any) -> Any:
        chosen = [self._reads[row] for row in self._rows[number]]
        tokens, mask = pad([each.tokens for each in chosen], self._filler)
        types, _ = pad([each.types for each in chosen], 0)
        first, last = (torch.tensor([getattr(each, end) for each in chosen]) for end in ("first", "last"))
        return tokens, mask, types, first, last


class Reading:
    """Point at an answer's first and last token, after "BERT" (Devlin et al., 2019, section 4.2).

    Where the answer is not in a window both ends are its first token. What decides on a run is the mean F1
    of the words of answer and truth (SQuAD v1.1), in percent.
    """

    score = "f1"

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        questions: Sequence[Question],
        development: Sequence[Question],
        plan: Plan,
        *,
        base: str,
    ) -> None:
        self.model, self._tokenizer, self._plan, self._base = model, tokenizer, plan, base
        longest = min(int(plan.network["most_tokens"]), int(model.config.max_position_embeddings))
        self._reads = windows_of(questions, tokenizer, longest)
        self._development = development
        self._examined = windows_of(development, tokenizer, longest)
        self._filler = int(tokenizer.pad_token_id or 0)
        _freeze(model.base_model, plan.network["frozen"])

    def batches(self, epoch: int) -> Windows:
        """All windows once, those alike in length together."""
        lengths = [len(each.tokens) for each in self._reads]
        rows = batch_rows(lengths, self._plan.batch_tokens, seed=self._plan.seed, epoch=epoch)
        return Windows(self._reads, rows, self._filler)

    def loss(self, batch: Batch) -> Tensor:
        """The mean cross entropy of both ends."""
        device = next(self.model.parameters()).device
        tokens, mask, types, first, last = (each.to(device) for each in batch)
        ends = self._ends(tokens, mask, types)
        loss: Tensor = (cross_entropy(ends[:, 0], first) + cross_entropy(ends[:, 1], last)) / 2
        return loss

    def validate(self) -> dict[str, float]:
        """F1 and exact match in percent, and the share of questions that were answered at all."""
        answers = self._answers()
        f1s: list[float] = []
        exacts: list[float] = []
        for question, answer in zip(self._development, answers, strict=True):
            golds = [question.passage[start:end] for start, end in question.answers]
            f1s.append(max((overlap(answer, gold) for gold in golds), default=float(not answer)))
            exacts.append(float(any(same(answer, gold) for gold in golds) if golds else not answer))
        shares = {"f1": f1s, "exact_match": exacts, "answered": [float(answer != "") for answer in answers]}
        return {name: round(100 * sum(each) / len(each), 2) for name, each in shares.items()}

    def save(self, folder: Path) -> None:
        """The whole checkpoint, and in `adapter` what was learnt of it, to lie beside others on one base."""
        numbers = torch.float16 if self._plan.network["half"] else torch.float32
        tensors = {name: each.to(numbers) for name, each in self.model.state_dict().items()}
        self.model.save_pretrained(folder, state_dict=tensors)
        self._tokenizer.save_pretrained(folder)
        learnt = {name for name, each in self.model.named_parameters() if each.requires_grad}
        own = folder / ADAPTER
        own.mkdir(exist_ok=True)
        save_file({name: tensors[name].contiguous() for name in learnt}, own / "adapter_model.safetensors")
        settings = {ITS_BASE: self._base, "modules_to_save": sorted(learnt), "peft_type": "LORA"}
        (own / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        (own / "config.json").write_text((folder / "config.json").read_text("utf-8"), encoding="utf-8")

    def _ends(self, tokens: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Logits of both ends, (rows, 2, longest); of fillers far below all others."""
        known = {"token_type_ids": types} if getattr(self.model.config, "type_vocab_size", 0) > 1 else {}
        output = self.model(input_ids=tokens, attention_mask=mask, **known)
        ends = torch.stack([output.start_logits, output.end_logits], dim=1).float()
        return ends.masked_fill(mask[:, None] == 0, -1e4)

    @torch.inference_mode()
    def _answers(self) -> list[str]:
        """The likeliest span of each question's windows; empty where no answer is likelier than any."""
        device = next(self.model.parameters()).device
        best: list[tuple[float, str]] = [(0.0, "") for _ in self._development]
        lengths = [len(each.tokens) for each in self._examined]
        rows = in_batches(lengths, range(len(lengths)), VALIDATION_TOKENS)
        for numbers, batch in zip(rows, Windows(self._examined, rows, self._filler), strict=True):
            tokens, mask, types = (each.to(device) for each in batch[:3])
            for number, ends in zip(numbers, self._ends(tokens, mask, types).cpu(), strict=True):
                read = self._examined[number]
                margin, start, end = best_span(read, ends)
                passage = self._development[read.question].passage
                best[read.question] = max(best[read.question], (margin, passage[start:end]))
        return [answer for _, answer in best]


def best_span(read: Read, ends: Tensor) -> tuple[float, int, int]:
    """By how much the likeliest span beats no answer, and its characters. `ends` are logits (2, longest)."""
    if not read.spans:
        return -1e4, 0, 0
    own = slice(read.begins, read.begins + len(read.spans))
    scores = ends[0, own, None] + ends[1, None, own]
    allowed = torch.ones_like(scores).triu().tril(LONGEST_ANSWER - 1).bool()
    place = int(scores.masked_fill(~allowed, -1e9).argmax())
    first, last = divmod(place, len(read.spans))
    margin = float(scores[first, last] - ends[0, 0] - ends[1, 0])
    return margin, read.spans[first][0], read.spans[last][1]


def _freeze(encoder: Any, beginnings: Sequence[str]) -> None:
    for beginning in beginnings:
        chosen = [value for name, value in encoder.named_parameters() if name.startswith(beginning)]
        if not chosen:
            raise BadInput(f"No tensor's name begins with {beginning!r}, so it cannot be frozen.")
        for value in chosen:
            value.requires_grad_(False)

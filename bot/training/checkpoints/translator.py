"""A checkpoint that translates, loaded in this process: for the lab's measurements, not for the bot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from bot.errors import BadInput, BadModel
from bot.networks import register

TOGETHER = 64
MOST_TOKENS = 200


class Translator:
    """A network that is told the language by a tag before the text, such as `>>de<<`.

    Raises BadModel for a folder without such a checkpoint.
    """

    def __init__(self, folder: Path, *, threads: int = 1, beams: int = 1) -> None:
        torch.set_num_threads(threads)
        self.model, self.tokenizer = load_translator(folder)
        self._beams = beams

    def translate(self, texts: Sequence[str], language: str) -> list[str]:
        """Translations into a language, in order. Raises BadInput for a language it does not write."""
        known = [each for each in self.tokenizer.get_added_vocab() if each.startswith(">>")]
        if tag(language) not in known:
            raise BadInput(
                f"This model cannot write {language!r}; it writes {', '.join(sorted(known)) or 'nothing'}."
            )
        return translations(self.model, self.tokenizer, texts, language, beams=self._beams)


def tag(language: str) -> str:
    """The token that asks for a language."""
    return f">>{language}<<"


def load_translator(folder: Path) -> tuple[Any, Any]:
    """The network of a folder and its tokenizer, from safetensors and without code of its own."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    register()
    if not folder.is_dir():
        raise BadModel(f"There is no model folder {folder}.")
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, **safe
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BadModel(f"The model in {folder} cannot be loaded: {reason[:300]}") from None
    return model.eval(), tokenizer


def tokens_of(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token numbers of each text, with the end."""
    return [each.ids for each in tokenizer.backend_tokenizer.encode_batch_fast(list(texts))]


def translations(
    model: Any, tokenizer: Any, texts: Sequence[str], language: str, *, beams: int = 1
) -> list[str]:
    """Translations into a language, in order; greedy, or by a beam search of that width.

    Texts alike in length are translated together; one has at most twice the tokens of its source and ten.
    """
    encoded = tokens_of(tokenizer, [f"{tag(language)} {text}" for text in texts])
    order = sorted(range(len(texts)), key=lambda each: len(encoded[each]))
    found: dict[int, str] = {}
    for begin in range(0, len(order), TOGETHER):
        part = order[begin : begin + TOGETHER]
        batch = tokenizer.pad({"input_ids": [encoded[each] for each in part]}, return_tensors="pt")
        longest = min(MOST_TOKENS, 2 * batch["input_ids"].shape[1] + 10)
        with torch.inference_mode():
            answers = model.generate(
                **batch.to(model.device), num_beams=beams, do_sample=False, max_new_tokens=longest
            )
        found.update(zip(part, tokenizer.batch_decode(answers, skip_special_tokens=True), strict=True))
    return [found[each] for each in range(len(texts))]

"""How fast the worker's decoder writes, beside the plainest loop and what transformers has for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DynamicCache

from bot.models import CHAT
from bot.worker.catalogue import Entry
from bot.worker.decoders.decoding import Decoder

VOCABULARY = 16_384
# Prompts that `generate` writes one after another: all of them would take most of the time.
SEQUENTIAL = 6


def measure_decoding(
    folder: Path, progress: Callable[[str], None], *, prompts: int = 48, tokens: int = 32, repeats: int = 3
) -> dict[str, Any]:
    """New tokens per CPU-second of each way to write, one thread: the median of interleaved repeats.

    The model is a random Qwen2 of 8 layers by 384, made in `folder`. `forward_loop` is the limit: as
    many prompts, all of their mean length, read and written in one batch; `share` is the decoder's part
    of it. `writing_loop` and `writing_share` leave the reading of prompts out of the limit alone.
    """
    progress("making a model to write with")
    make_decoder(folder)
    decoder = Decoder(Entry(CHAT, "random", folder, "", 0, ""), 1)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.eval()  # type: ignore[no-untyped-call]
    asked = made_prompts(prompts)
    lengths = round(sum(map(len, asked)) / prompts)
    given = torch.tensor([(prompt * lengths)[:lengths] for prompt in asked])
    ways: dict[str, Callable[[], float]] = {
        "decoder": lambda: write_all(decoder, asked, tokens),
        "forward_loop": lambda: loop(model, given, tokens),
        "writing_loop": lambda: loop(model, given, tokens, counts_reading=False),
        "continuous_batching": lambda: write_continuously(model, asked, tokens),
        "sequential": lambda: write_each(model, asked[:SEQUENTIAL], tokens),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, way in ways.items():
            progress(f"writing {prompts} answers: {name}, {repeat} of {repeats}")
            rates[name].append(way())
    results = {name: round(median(each[1:]), 1) for name, each in rates.items()}
    return {
        "prompts": prompts,
        "tokens": tokens,
        "tokens_per_cpu_s": results,
        "share": round(results["decoder"] / results["forward_loop"], 3),
        "writing_share": round(results["decoder"] / results["writing_loop"], 3),
    }


def made_prompts(count: int) -> list[list[int]]:
    """Prompts of 8 to 40 tokens, seeded."""
    dice = random.Random(1)  # noqa: S311
    return [[dice.randrange(1, VOCABULARY) for _ in range(dice.randint(8, 40))] for _ in range(count)]


def write_all(decoder: Decoder, prompts: list[list[int]], tokens: int) -> float:
    """All answers by the decoder; new tokens per CPU-second, as below."""
    began = time.process_time()
    for number, prompt in enumerate(prompts):
        decoder.add(number, prompt, most_tokens=tokens)
    while decoder.active:
        decoder.step()
    return len(prompts) * tokens / (time.process_time() - began)


@torch.inference_mode()
def loop(model: Any, given: torch.Tensor, tokens: int, *, counts_reading: bool = True) -> float:
    """As many answers as prompts in the plainest loop there is."""
    began = time.process_time()
    cache = DynamicCache()
    for step in range(tokens + (not counts_reading)):
        output = model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
        given = output.logits[:, -1].argmax(-1, keepdim=True)
        given.tolist()
        if step == 0 and not counts_reading:
            began = time.process_time()
    return len(given) * tokens / (time.process_time() - began)


def write_continuously(model: Any, prompts: list[list[int]], tokens: int) -> float:
    """All answers by the continuous batching of transformers."""
    choices = transformers.GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=tokens, do_sample=False, eos_token_id=-1
    )
    began = time.process_time()
    answers = model.generate_batch(inputs=prompts, generation_config=choices)
    written = sum(len(answer.generated_tokens) for answer in answers.values())
    return written / (time.process_time() - began)


def write_each(model: Any, prompts: list[list[int]], tokens: int) -> float:
    """One answer after another by `generate`."""
    choices = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": False, "pad_token_id": 0}
    began = time.process_time()
    for prompt in prompts:
        model.generate(torch.tensor([prompt]), **choices)
    return len(prompts) * tokens / (time.process_time() - began)


def make_decoder(folder: Path) -> None:
    """Save a random Qwen2 of 18.9 million parameters, whose answers end at their limit alone."""
    config = transformers.Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=8,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=None,
    )
    torch.manual_seed(0)
    transformers.Qwen2ForCausalLM(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({f"w{each}": each for each in range(VOCABULARY)}, unk_token="w0"))  # noqa: S106
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder)

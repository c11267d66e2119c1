"""Learn a vocabulary of subwords: byte-pair encoding in which nothing is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
SPECIAL = (PAD, END, UNKNOWN)
# Each of these is a piece of its own: Chinese and Japanese characters, digits, punctuation.
SINGLE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{N}\p{P}]"
SPACE = "▁"


def learn_subwords(
    texts: Iterable[str],
    *,
    size: int,
    tags: Sequence[str] = (),
    most_characters: int = 4000,
    folded: bool = False,
) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `size` subwords, 256 of them bytes, that ends every text with `</s>`.

    Sennrich et al. (2016), Neural Machine Translation of Rare Words with Subword Units. `tags` are whole
    tokens, such as `>>de<<`. Characters beyond the `most_characters` most frequent are written in bytes.
    Text is normalised to NFC and its spaces to one: NFKC would turn Chinese punctuation into Latin. Text
    that is only read, never written, may be `folded`: NFKC and lower case, without mentions and links.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            *(_folding() if folded else [normalizers.NFC()]),
            normalizers.Replace(Regex(r"[\s\p{Z}]+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always"),
            pre_tokenizers.Split(Regex(SINGLE), "isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size - 256,
        special_tokens=[*SPECIAL, *tags],
        limit_alphabet=most_characters,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return wrap(_with_bytes(tokenizer), tags)


def _folding() -> list[normalizers.Normalizer]:
    """Who is spoken to, and which page is meant, says nothing about a text."""
    return [
        normalizers.NFKC(),
        normalizers.Replace(Regex(r"https?://\S+|<?@[\w.!&]+>?"), " "),
        normalizers.Lowercase(),
    ]


def wrap(tokenizer: Tokenizer, tags: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """A tokenizer as transformers saves and loads it."""
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=list(tags),
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def _with_bytes(learnt: Tokenizer) -> Tokenizer:
    """The same with a token for each byte, and the pieces around the model."""
    state = json.loads(learnt.to_str())
    model = state["model"]
    for byte in range(256):
        model["vocab"].setdefault(f"<0x{byte:02X}>", len(model["vocab"]))
    model.update(byte_fallback=True, unk_token=UNKNOWN, fuse_unk=False)
    tokenizer = Tokenizer.from_str(json.dumps(state, ensure_ascii=False))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}",
        pair=f"$A {END} $B {END}",
        special_tokens=[(END, tokenizer.token_to_id(END))],
    )
    return tokenizer

"""Text from tokens, piece by piece: no character is ever split, and nothing is lost."""

import random

import pytest

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from bot.worker.decoders.spelling import UNFINISHED, Speller, overlap  # noqa: E402

TEXT = "Grüße, 你好 👩‍👩‍👧 naïve नमस्ते! 𝔘𝔫𝔦 \U0001f9d1\U0001f3fd‍\U0001f680."


def bytewise():
    """A token for each byte, as in GPT-2 for what it has no words for."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE({letter: number for number, letter in enumerate(letters)}, [])
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")


def fallback():
    """Words with a space before them, and a token for each byte of others, as in Llama."""
    words = ["<unk>", "▁", "▁the", "▁cat", "s", "!", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            {word: number for number, word in enumerate(words)}, [], byte_fallback=True, unk_token="<unk>"
        )
    )
    tokenizer.decoder = tokenizers.decoders.Sequence(
        [
            tokenizers.decoders.Replace("▁", " "),
            tokenizers.decoders.ByteFallback(),
            tokenizers.decoders.Fuse(),
            tokenizers.decoders.Strip(" ", 1, 0),
        ]
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def pieces_of(speller, tokens):
    return [*(speller.add(token) for token in tokens), speller.rest()]


def test_no_character_is_split_and_none_is_late():
    tokenizer = bytewise()
    speller = Speller(tokenizer)
    pieces = pieces_of(speller, tokenizer(TEXT)["input_ids"])
    assert "".join(pieces) == TEXT
    assert not any(UNFINISHED in piece for piece in pieces)
    assert all(len(piece) <= 1 for piece in pieces)
    assert pieces[-1] == ""


def test_words_keep_the_spaces_between_them():
    tokenizer = fallback()
    numbers = tokenizer.convert_tokens_to_ids
    grin = [numbers(f"<0x{byte:02X}>") for byte in "😀".encode()]
    tokens = [numbers("▁the"), numbers("▁cat"), numbers("s"), *grin, *grin, numbers("▁cat"), numbers("!")]
    assert pieces_of(Speller(tokenizer), tokens) == [
        "the", " cat", "s", "", "", "", "😀", "", "", "", "😀", " cat", "!", "",
    ]  # fmt: skip


def test_bytes_that_are_no_text_are_shown_and_what_follows_is_whole():
    tokenizer = bytewise()
    good = tokenizer("é😀x")["input_ids"]
    (bad,) = {tokenizer("é")["input_ids"][1]}
    tokens = [bad, *good, bad, bad, bad, bad, bad, *good]
    text = "".join(pieces_of(Speller(tokenizer), tokens))
    assert text == "�é😀x�����é😀x" == tokenizer.decode(tokens)


def test_half_a_character_at_the_end_is_left_out():
    tokenizer = bytewise()
    assert pieces_of(Speller(tokenizer), tokenizer("a😀")["input_ids"][:-1]) == ["a", "", "", "", ""]


def test_random_bytes_lose_nothing():
    tokenizer, dice = bytewise(), random.Random(2)
    for _ in range(300):
        tokens = [dice.randrange(256) for _ in range(dice.randrange(1, 30))]
        text = "".join(pieces_of(Speller(tokenizer), tokens))
        assert text.rstrip("�") == tokenizer.decode(tokens).rstrip("�")


def test_the_text_ends_before_the_stop_and_holds_back_what_may_be_one():
    tokenizer = bytewise()
    speller = Speller(tokenizer, stop="\nuser:")
    pieces = pieces_of(speller, tokenizer("ok\nus\nuser: no")["input_ids"])
    assert "".join(pieces) == "ok\nus"
    assert speller.is_stopped
    speller = Speller(tokenizer, stop="\nuser:")
    pieces = pieces_of(speller, tokenizer("ok\nuse")["input_ids"])
    assert pieces[:6] == ["o", "k", "", "", "", ""]
    assert "".join(pieces) == "ok\nuse"
    assert not speller.is_stopped


def test_random_words_and_characters_lose_nothing():
    tokenizer, dice = fallback(), random.Random(2)
    for _ in range(300):
        parts = [
            dice.choice([[2], [3], [4], [5], *(letter.encode() for letter in "é你😀")]) for _ in range(12)
        ]
        tokens = [byte + 6 if isinstance(part, bytes) else byte for part in parts for byte in part]
        pieces = pieces_of(Speller(tokenizer), tokens)
        assert "".join(pieces) == tokenizer.decode(tokens)
        assert not any(UNFINISHED in piece for piece in pieces)


def test_bytes_that_are_no_text_do_not_hold_up_the_words_after_them():
    tokenizer = fallback()
    tokens = [2, *(byte + 6 for byte in "😀".encode()), 0x80 + 6, 0x80 + 6, 3, 4]
    speller = Speller(tokenizer)
    assert [speller.add(token) for token in tokens][-1] == "s"


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("abc", 0), ("ab\n", 1), ("ab\nus", 3), ("\nuser:", 0), ("\n\n", 1)]
)
def test_what_could_begin_a_stop(text, size):
    assert overlap(text, "\nuser:") == size

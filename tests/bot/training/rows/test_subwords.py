"""A learnt vocabulary writes back everything it reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from bot.training.rows.subwords import learn_subwords

TEXTS = [
    "Where is the house?",
    "Wo ist das Haus?",
    "Où est la maison ?",
    "房子在哪里？",
    "The houses are there.",
] * 5


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return learn_subwords(TEXTS, size=420, tags=[">>de<<", ">>zh<<"])


@pytest.mark.parametrize(
    "text",
    [
        "Where is the house?",
        "房子在哪里？我不知道！",
        "Das kostet 12,50 €: naïve façade, œuvre.",
        "😀 𠮷 \u0627\u0644",
        "a_b-c (d) [e] <f> ▁",
    ],
)
def test_nothing_is_unknown_and_all_comes_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    tokens = tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id not in tokens
    assert tokens[-1] == tokenizer.eos_token_id
    expected = " ".join(text.replace("▁", " ").split())
    assert " ".join(tokenizer.decode(tokens, skip_special_tokens=True).split()) == expected


def test_spaces_and_forms_of_a_character_do_not_matter(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer("Où  est\u00a0la\tmaison").input_ids == tokenizer("Ou\u0300 est la maison").input_ids


def test_chinese_punctuation_stays_chinese(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.decode(tokenizer("好，吗？").input_ids, skip_special_tokens=True) == "好，吗？"


def test_frequent_words_are_whole_and_characters_apart(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.tokenize("is the house") == ["▁is", "▁the", "▁house"]
    assert tokenizer.tokenize("房子在") == ["▁", "房", "子", "在"]
    assert tokenizer.tokenize("12") == ["▁", "<0x31>", "<0x32>"]


def test_a_tag_is_one_token_with_or_without_a_space(tokenizer: PreTrainedTokenizerFast) -> None:
    near, apart = tokenizer(">>de<<house").input_ids, tokenizer(">>de<< house").input_ids
    assert near == apart
    assert tokenizer.convert_ids_to_tokens(near[:2]) == [">>de<<", "▁house"]


def test_size_is_kept_and_the_folder_loads(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    assert len(tokenizer) <= 420
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    text = ">>zh<< Wo ist 房子 😀?"
    assert loaded(text).input_ids == tokenizer(text).input_ids
    assert loaded.decode(loaded(text).input_ids, skip_special_tokens=True) == "Wo ist 房子 😀?"


def test_rare_characters_are_written_in_bytes() -> None:
    small = learn_subwords([*TEXTS, "鑫"], size=400, most_characters=20)
    assert "<0x" in small.tokenize("鑫")[1]
    assert small.decode(small("鑫").input_ids, skip_special_tokens=True) == "鑫"


def test_folded_text_has_no_capitals() -> None:
    folded = learn_subwords(TEXTS, size=400, folded=True)
    assert folded("ＨＯＵＳＥ").input_ids == folded("house").input_ids

"""There and back again: by which model, through which language, and what stays as it is."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

import tokenizers
import torch
import transformers

from bot.errors import BadInput, BadModel
from bot.training.variants.paraphrasing import BackTranslator, open_translator
from bot.worker.options import WorkerOptions

WORDS = ["the", "cat", "sat", "on", "mat", "a", "quick", "fox", "we", "go", "home", "now"]


class Reversing:
    """A translator that notes what it is asked, and turns the words around unless it adds too much."""

    def __init__(self, ending=""):
        self.asked = []
        self.ending = ending

    def choose(self, choices):
        self.asked.append((choices["source"], choices["target"]))
        return choices["target"]

    def tokenize(self, texts):
        return list(texts)

    def compute(self, batch, choice):
        return [" ".join(text.split()[::-1]) + self.ending for text in batch]


def test_english_goes_through_the_pivot_and_others_through_english():
    there, back = Reversing(), Reversing(" ok")
    found = BackTranslator(there, back, pivot="fr").rewrite(["the cat sat", "猫 坐 在 这里 很 舒服"])
    assert found == ["the cat sat ok", "猫 坐 在 这里 很 舒服 ok"]
    assert there.asked == [("en", "fr"), ("zh", "en")]
    assert back.asked == [("fr", "en"), ("en", "zh")]


def test_what_is_protected_stays_where_it_is():
    there = Reversing()
    text = "go home now, see https://x.org/a b or `code` @anna  "
    found = BackTranslator(there, Reversing("!")).rewrite([text])[0]
    assert found == "go home now, see! https://x.org/a b or! `code` @anna  "


@pytest.mark.parametrize("ending", [" and much more" * 9, None])
def test_what_says_too_much_or_nothing_is_no_paraphrase(ending):
    back = Reversing(ending or "")
    if ending is None:
        back.compute = lambda batch, choice: [None for _ in batch]
    assert BackTranslator(Reversing(), back).rewrite(["the cat sat"]) == ["the cat sat"]


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    """The folder of a random Marian model that writes German and English."""
    folder = tmp_path_factory.mktemp("marian")
    letters = ["<pad>", "</s>", "<unk>", *(f"▁{word}" for word in WORDS), ">>de<<", ">>en<<"]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(letters)}, unk_token="<unk>")
    )
    split = tokenizers.pre_tokenizers
    made.pre_tokenizer = split.Sequence([split.WhitespaceSplit(), split.Metaspace(prepend_scheme="always")])
    made.decoder = tokenizers.decoders.Metaspace(prepend_scheme="always")
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        additional_special_tokens=[">>de<<", ">>en<<"],
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(5)
    transformers.MarianMTModel(
        transformers.MarianConfig(
            vocab_size=len(letters), d_model=32, encoder_layers=1, decoder_layers=1,
            encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
            max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=None,
            decoder_start_token_id=0, forced_eos_token_id=None, init_std=0.4,
        )
    ).save_pretrained(folder)  # fmt: skip
    return folder


def test_the_workers_own_engine_translates(marian):
    translator = open_translator([marian], WorkerOptions())
    texts = ["the quick fox sat on the mat", "we go home now", "https://x.org"]
    found = translator.rewrite(texts)
    assert found == translator.rewrite(texts)
    assert found[2] == texts[2]
    assert set(" ".join(found[:2]).split()) <= set(WORDS)
    with pytest.raises(BadInput, match="cannot write French"):
        open_translator([marian, marian], WorkerOptions(), pivot="fr").rewrite(texts)


def test_more_than_two_models_and_none_at_all_are_refused(marian, tmp_path):
    with pytest.raises(BadInput, match="or two"):
        open_translator([marian] * 3, WorkerOptions())
    with pytest.raises(BadModel):
        open_translator([tmp_path / "nothing"], WorkerOptions())

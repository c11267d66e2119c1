"""Encoder-decoder models, tiny and random, made here: what is asked of each kind, and what comes back."""

import math

import pytest

from bot.errors import BadInput, BadModel
from bot.models import SUMMARY, TRANSLATION, Task
from bot.worker.catalogue import Entry, make_engine

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

ENGINE = "bot.worker.seq2seq.rewriting:Rewriter"
WORDS = ["the", "cat", "dog", "sat", "on", "mat", "a", "quick", "brown", "fox", "jumps", "over", "lazy"]
WORDS += ["bird", "sings", "loud", "in", "rain", "we", "go", "home"]
TEXTS = [
    "the cat sat",
    "a dog",
    "we go home in the rain the bird sings",
    "fox",
    "the lazy dog jumps over a mat",
]
SIZES = {
    "vocab_size": 40,
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "init_std": 0.4,
    "forced_eos_token_id": None,
    "bos_token_id": None,
    "tie_word_embeddings": False,
}


def tokenizer_of(*added, words=WORDS):
    """A token for each word, `</s>` after each text, and some tokens more."""
    letters = ["<pad>", "</s>", "<unk>", *(f"▁{word}" for word in words), "▁translate", "▁to:", "▁summarize:"]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: number for number, word in enumerate(letters)}, unk_token="<unk>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.WhitespaceSplit(),
            tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always"),
        ]
    )
    made.decoder = tokenizers.decoders.Metaspace(prepend_scheme="always")
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=list(added),
    )


def marian(**fields):
    return transformers.MarianMTModel(
        transformers.MarianConfig(
            **SIZES | {"decoder_start_token_id": 0, "activation_function": "relu"} | fields
        )
    )


def m2m100(**fields):
    return transformers.M2M100ForConditionalGeneration(
        transformers.M2M100Config(**SIZES | {"decoder_start_token_id": 1} | fields)
    )


def bart(**fields):
    return transformers.BartForConditionalGeneration(
        transformers.BartConfig(**SIZES | {"decoder_start_token_id": 1} | fields)
    )


def t5(**fields):
    sizes = {"vocab_size": 40, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    config = transformers.T5Config(
        **sizes, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **fields
    )
    return transformers.T5ForConditionalGeneration(config)


def nllb(tokenizer):
    """NLLB's own tokenizer, with words for subwords."""
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    letters = sorted({"▁", *"".join(WORDS)})
    vocabulary |= {letter: number + 4 for number, letter in enumerate(letters)}
    return transformers.NllbTokenizer(vocab=vocabulary, merges=[], src_lang="eng_Latn", **tokenizer)


def save(model, tokenizer, folder, **generation):
    """Random models like to write nothing but padding: they may not."""
    for name, value in ({"bad_words_ids": [[0]]} | generation).items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def engine_of(folder, task=Task.TRANSLATION, max_tokens=0):
    role = SUMMARY if task is Task.SUMMARIZATION else TRANSLATION
    return make_engine(Entry(role, "tiny", folder, "", max_tokens, ENGINE, task=task), 1)


def rewritten(engine, texts, **choices):
    return engine.compute(engine.tokenize(texts), engine.choose(choices))


def expected(folder, framed, texts, beams=1, **choices):
    """What `generate` writes for each text alone, framed as the kind of model wants it."""
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    written = []
    for tokens, text in zip(framed, texts, strict=True):
        most = 2 * len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 20
        ids = model.generate(
            torch.tensor([tokens]), num_beams=beams, do_sample=False, **{"max_new_tokens": most} | choices
        )
        written.append(tokenizer.decode(ids[0], skip_special_tokens=True).strip())
    return written


@pytest.fixture
def seed():
    torch.manual_seed(3)


@pytest.fixture
def tagged(tmp_path, seed):
    """A Marian as parley trains them, with tags for German and French."""
    return save(marian(), tokenizer_of(">>de<<", ">>fra<<"), tmp_path / "tagged")


def ids_of(tokenizer, *words):
    return [tokenizer.convert_tokens_to_ids(word) for word in words]


@pytest.fixture
def unguarded(monkeypatch):
    """Repetitions stay, so that what is written can be compared."""
    monkeypatch.setattr("bot.worker.seq2seq.rewriting.without_loop", lambda tokens, source: list(tokens))


@pytest.mark.parametrize("beams", [1, 3])
def test_a_tag_stands_before_the_text(tmp_path, seed, beams, unguarded):
    folder = save(marian(), tokenizer_of(">>de<<", ">>fra<<"), tmp_path, num_beams=beams)
    engine = engine_of(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # A beam search may choose otherwise when there is more room, so its texts are of one length.
    texts = TEXTS if beams == 1 else [TEXTS[0], "lazy dog jumps", "fox over mat"]
    for target, tag in (("de", ">>de<<"), ("fr", ">>fra<<")):
        framed = [tokenizer(f"{tag} {text}")["input_ids"] for text in texts]
        assert framed[0][0] == tokenizer.convert_tokens_to_ids(tag)
        written = rewritten(engine, texts, target=target)
        assert written == expected(folder, framed, texts, beams)
        assert any(written)
    assert rewritten(engine, texts, target="de") != written


def test_what_repeats_without_end_is_cut(tagged, monkeypatch):
    engine = engine_of(tagged)
    guarded = rewritten(engine, TEXTS, target="de")
    monkeypatch.setattr("bot.worker.seq2seq.rewriting.without_loop", lambda tokens, source: list(tokens))
    endless = rewritten(engine, TEXTS, target="de")
    assert all(long.startswith(short) for short, long in zip(guarded, endless, strict=True))
    assert any(2 * len(short) < len(long) for short, long in zip(guarded, endless, strict=True))


def test_texts_written_together_are_written_as_alone(tagged):
    engine = engine_of(tagged)
    together = rewritten(engine, TEXTS, target="de")
    assert together == [rewritten(engine, [text], target="de")[0] for text in TEXTS]
    engine.budget = 12
    assert rewritten(engine, TEXTS, target="de") == together


def test_m2m100_and_nllb_begin_with_the_target(tmp_path, seed, unguarded):
    folder = save(m2m100(), tokenizer_of("__en__", "__de__", "__zh__"), tmp_path / "m2m100")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    english, german, chinese = ids_of(tokenizer, "__en__", "__de__", "__zh__")
    engine = engine_of(folder)
    for source, token in (("", english), ("zh", chinese), ("xx", english)):
        framed = [[token, *tokenizer(text)["input_ids"]] for text in TEXTS]
        choice = engine.choose({"target": "de", "source": source})
        assert (choice.frame.before, choice.frame.after, choice.frame.first) == ((token,), (1,), german)
        written = engine.compute(engine.tokenize(TEXTS), choice)
        assert written == expected(folder, framed, TEXTS, forced_bos_token_id=german)


@pytest.mark.parametrize("is_legacy", [False, True])
def test_the_tokenizer_of_nllb_says_where_the_source_stands(tmp_path, seed, is_legacy, unguarded):
    tokenizer = nllb({"legacy_behaviour": is_legacy})
    model = m2m100(vocab_size=len(tokenizer), pad_token_id=1, eos_token_id=2, decoder_start_token_id=2)
    folder = save(model, tokenizer, tmp_path)
    engine = engine_of(folder)
    german, french = ids_of(tokenizer, "deu_Latn", "fra_Latn")
    frame = engine.choose({"target": "de", "source": "fr"}).frame
    assert frame.first == german
    assert (frame.before, frame.after) == (((), (2, french)) if is_legacy else ((french,), (2,)))
    tokenizer.src_lang = "fra_Latn"
    framed = [tokenizer(text)["input_ids"] for text in TEXTS]
    written = rewritten(engine, TEXTS, target="de", source="fr")
    assert written == expected(folder, framed, TEXTS, forced_bos_token_id=german)
    assert engine.choose({"target": "zh"}).frame.first == tokenizer.convert_tokens_to_ids("zho_Hans")
    assert engine.choose({"target": "hau"}).frame.first == tokenizer.convert_tokens_to_ids("hau_Latn")


def test_t5_is_told_in_words(tmp_path, seed, unguarded):
    tokenizer = tokenizer_of(words=[*WORDS, "English", "German:"])
    folder = save(t5(initializer_factor=2.0), tokenizer, tmp_path)
    engine = engine_of(folder)
    framed = [tokenizer(f"translate English to German: {text}")["input_ids"] for text in TEXTS]
    written = rewritten(engine, TEXTS, target="de")
    assert written == expected(folder, framed, TEXTS)
    assert engine.choose({"target": "de", "source": "fr"}) != engine.choose({"target": "de"})
    with pytest.raises(BadInput, match="'xx'"):
        engine.choose({"target": "xx"})


def test_t5_that_lists_its_tasks_is_believed(tmp_path, seed):
    tasks = {"translation_en_to_de": {"prefix": "translate English to German: "}, "summarization": {}}
    engine = engine_of(save(t5(task_specific_params=tasks), tokenizer_of(), tmp_path))
    assert engine.choose({"target": "de", "source": "en"})
    with pytest.raises(BadInput, match="English to German alone"):
        engine.choose({"target": "fr"})


def test_a_language_it_cannot_write_is_refused_with_those_it_can(tagged):
    engine = engine_of(tagged)
    with pytest.raises(BadInput, match=r"cannot write Chinese\. It writes: French, German\."):
        engine.choose({"target": "zh"})
    with pytest.raises(BadInput, match="missing"):
        engine.choose({})
    assert (
        engine.choose({"target": "deu"})
        == engine.choose({"target": "de-AT"})
        == engine.choose({"target": "de"})
    )


def test_a_model_for_one_pair_knows_it_by_its_name(tmp_path, seed):
    engine = engine_of(save(marian(), tokenizer_of(), tmp_path / "opus-mt-en-de"))
    assert engine.choose({"target": "de"}) == engine.choose({"target": "de", "source": "en"})
    with pytest.raises(BadInput, match="It writes: German"):
        engine.choose({"target": "fr"})
    with pytest.raises(BadInput, match="from English alone"):
        engine.choose({"target": "de", "source": "fr"})
    engine = engine_of(save(marian(), tokenizer_of(), tmp_path / "opus-mt-mul-en"))
    assert engine.choose({"target": "en", "source": "fr"})
    with pytest.raises(BadModel, match="does not say which language"):
        engine_of(save(marian(), tokenizer_of(), tmp_path / "mine"))


def test_what_is_empty_or_too_long_is_not_translated(tagged):
    engine = engine_of(tagged)
    texts = ["", "   ", "cat " * 500, "x" * 100_000, "the cat sat"]
    written = rewritten(engine, texts, target="de")
    assert written[:3] == ["", "", ""]
    assert written[4] == rewritten(engine, ["the cat sat"], target="de")[0] != ""
    assert max(map(len, engine.tokenize(texts))) <= 128
    assert engine.tokenize([]) == []


def test_what_people_write_is_no_tag(tagged):
    engine = engine_of(tagged)
    (tokens,) = engine.tokenize([">>fra<< the cat </s>"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(tagged)
    assert not set(tokens) & set(ids_of(tokenizer, ">>fra<<", ">>de<<", "</s>"))


@pytest.mark.parametrize("beams", [1, 2])
def test_a_batch_ends_when_nobody_waits_for_it(tmp_path, seed, beams):
    folder = save(marian(), tokenizer_of(">>de<<"), tmp_path, num_beams=beams, eos_token_id=39)
    engine = engine_of(folder)
    calls = []
    engine.between = lambda: calls.append(1) or len(calls) >= 4
    assert rewritten(engine, TEXTS, target="de") == [""] * len(TEXTS)
    assert len(calls) == 4
    engine.between = lambda: False
    assert any(rewritten(engine, TEXTS, target="de"))


@pytest.mark.parametrize("beams", [1, 2])
def test_numbers_that_are_not_finite_fail_one_text_alone(tmp_path, seed, beams):
    folder = save(bart(), tokenizer_of(), tmp_path / "bart-en-de", num_beams=beams)
    engine = engine_of(folder)
    fine = rewritten(engine, TEXTS, target="de")
    fox = transformers.AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("▁fox")
    encoder = engine._model.get_encoder()
    encoder.embed_tokens = torch.nn.Embedding.from_pretrained(encoder.embed_tokens.weight.clone())
    encoder.embed_tokens.weight.data[fox] = math.nan
    written = rewritten(engine, TEXTS, target="de")
    assert written == [None if text == "fox" else right for text, right in zip(TEXTS, fine, strict=True)]


def test_a_full_device_is_a_memory_error(tagged, monkeypatch):
    engine = engine_of(tagged)

    def fail(**_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(engine._model, "generate", fail)
    with pytest.raises(MemoryError):
        rewritten(engine, TEXTS, target="de")


def test_beams_are_capped_and_make_batches_smaller(tmp_path, seed):
    folder = save(marian(), tokenizer_of(">>de<<"), tmp_path, num_beams=12)
    engine = engine_of(folder)
    assert engine._beams == 4
    assert engine.budget == 128


def test_a_summary_keeps_to_its_words(tmp_path, seed):
    folder = save(bart(), tokenizer_of(), tmp_path, min_length=30, num_beams=2)
    engine = engine_of(folder, Task.SUMMARIZATION)
    long = " ".join(WORDS * 4)
    for most_words in (5, 20):
        choice = engine.choose({"most_words": most_words})
        assert choice.most_words == most_words
        written = engine.compute(engine.tokenize([long, "the cat sat"]), choice)
        assert all(len(text.removesuffix(" …").split()) <= most_words for text in written)
        assert any(written)
    assert len(engine.tokenize([long * 50])[0]) < 128
    assert engine.compute(engine.tokenize([""]), engine.choose({})) == [""]


def test_t5_is_told_to_sum_up(tmp_path, seed):
    tasks = {"summarization": {"prefix": "summarize: "}}
    tokenizer = tokenizer_of()
    engine = engine_of(save(t5(task_specific_params=tasks), tokenizer, tmp_path), Task.SUMMARIZATION)
    assert engine.choose({"most_words": 9}).frame.before == tuple(ids_of(tokenizer, "▁summarize:"))


def test_a_model_of_another_kind_is_refused(tmp_path, seed):
    config = transformers.GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2)
    save(transformers.GPT2LMHeadModel(config), tokenizer_of(), tmp_path)
    with pytest.raises(BadModel, match="gpt2"):
        make_engine(Entry(TRANSLATION, "tiny", tmp_path, "", 0, ENGINE), 1)


def test_weights_that_lack_a_layer_are_refused(tagged):
    config = transformers.AutoConfig.from_pretrained(tagged)
    config.decoder_layers = 3
    config.save_pretrained(tagged)
    with pytest.raises(BadModel, match="lack"):
        engine_of(tagged)

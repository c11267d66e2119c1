"""The transformers recogniser, with a tiny Whisper and a tiny Wav2Vec2 made on the fly."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from bot.errors import BadModel
from bot.models import TRANSCRIPTION
from bot.worker.catalogue import find_entry, make_engine
from bot.worker.client.models import WorkerClient
from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.speech.opening import RATE

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
LANGUAGES = ("<|en|>", "<|de|>")
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *LANGUAGES,
    "<|translate|>",
    "<|transcribe|>",
    "<|notimestamps|>",
)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """A random Whisper of one small layer, with the tokens of languages."""
    folder = tmp_path_factory.mktemp("whisper")
    words = {word: number for number, word in enumerate(["Ġone", "Ġtwo", "Ġthree", "Ġfour", *SPECIAL])}
    save_tokenizer(folder, words)
    config = transformers.WhisperConfig(
        vocab_size=len(words),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_mel_bins=80,
        max_target_positions=32,
        decoder_start_token_id=words["<|startoftranscript|>"],
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), words["<|endoftext|>"]),
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(config)
    choices = model.generation_config
    choices._from_model_config = False
    choices.is_multilingual = True
    choices.lang_to_id = {language: words[language] for language in LANGUAGES}
    choices.task_to_id = {"transcribe": words["<|transcribe|>"], "translate": words["<|translate|>"]}
    choices.no_timestamps_token_id = words["<|notimestamps|>"]
    choices.max_length = 32
    choices.suppress_tokens = [words[each] for each in SPECIAL[1:]]
    choices.begin_suppress_tokens = [words["<|endoftext|>"]]
    model.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def save_tokenizer(folder, words):
    """A byte-level tokenizer that knows these words alone."""
    bare = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<|endoftext|>"))
    bare.decoder = tokenizers.decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[1:]),
    ).save_pretrained(folder)


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory):
    """A random Wav2Vec2 of one small layer that labels capitals."""
    folder = tmp_path_factory.mktemp("wav2vec2")
    letters = {
        letter: number for number, letter in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDE"])
    }
    (folder / "vocab.json").write_text(json.dumps(letters))
    transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    config = transformers.Wav2Vec2Config(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16, 16),
        conv_kernel=(10, 8),
        conv_stride=(5, 64),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder


@pytest.fixture(params=["whisper", "wav2vec2"])
def checkpoint(request, tmp_path):
    """A copy of each that a test may spoil."""
    return shutil.copytree(request.getfixturevalue(request.param), tmp_path / request.param)


def recogniser(folder):
    return make_engine(find_entry(TRANSCRIPTION, WorkerOptions({"transcription": ModelChoice(folder)})), 1)


def test_both_families_hear_the_same_every_time(checkpoint):
    engine = recogniser(checkpoint)
    first, second = engine.hear(NOISE), engine.hear(NOISE)
    assert first == second
    assert first.text.startswith(" ")
    assert engine.name == checkpoint.name


def test_whisper_tells_the_language_and_leaves_its_marks_out(whisper):
    heard = recogniser(whisper).hear(NOISE)
    assert heard.language in {"en", "de"}
    assert set(heard.text.split()) <= {"one", "two", "three", "four"}


def test_whisper_of_one_language_is_asked_for_none(whisper, tmp_path):
    copy = shutil.copytree(whisper, tmp_path / "copy")
    config = json.loads((copy / "generation_config.json").read_text())
    for name in ("is_multilingual", "lang_to_id", "task_to_id"):
        del config[name]
    (copy / "generation_config.json").write_text(json.dumps(config))
    heard = recogniser(copy).hear(NOISE)
    assert heard.language == ""
    assert "<|" not in heard.text


def test_ctc_reads_the_likeliest_label_of_each_frame(wav2vec2):
    engine = recogniser(wav2vec2)
    model = transformers.Wav2Vec2ForCTC.from_pretrained(wav2vec2)
    normal = (NOISE - NOISE.mean()) / np.sqrt(NOISE.var() + 1e-7)
    with torch.inference_mode():
        labels = model(torch.tensor(normal)[None]).logits[0].argmax(-1).tolist()
    kept = [label for place, label in enumerate(labels) if place == 0 or label != labels[place - 1]]
    letters = "".join({4: " "}.get(label, "....?abcde"[label]) for label in kept if label >= 4)
    assert engine.hear(NOISE).text.split() == letters.split()


def test_a_blank_keeps_double_letters_apart(wav2vec2, monkeypatch):
    engine = recogniser(wav2vec2)
    labels = torch.tensor([[5, 5, 0, 5, 6, 6, 4, 4, 7, 0, 0, 8]])
    logits = torch.nn.functional.one_hot(labels, 10).float()
    monkeypatch.setattr(engine._model, "forward", lambda _: SimpleNamespace(logits=logits))
    assert engine.hear(NOISE).text == " aab cd"


def test_a_long_window_is_heard(checkpoint):
    engine = recogniser(checkpoint)
    assert engine.hear(np.tile(NOISE, 15)).text


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_folder_without_a_part_is_refused(checkpoint, name):
    (checkpoint / name).unlink()
    with pytest.raises(BadModel, match="cannot be loaded"):
        recogniser(checkpoint)


def test_broken_weights_are_refused(checkpoint):
    (checkpoint / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(BadModel, match="cannot be loaded"):
        recogniser(checkpoint)


def test_other_weights_than_safetensors_are_refused(checkpoint):
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(BadModel, match="safetensors"):
        recogniser(checkpoint)


def test_weights_that_lack_a_layer_are_refused(wav2vec2, tmp_path):
    copy = shutil.copytree(wav2vec2, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    with pytest.raises(BadModel, match="lack"):
        recogniser(copy)


def test_a_model_that_hears_nothing_is_refused(wav2vec2, tmp_path):
    copy = shutil.copytree(wav2vec2, tmp_path / "copy")
    (copy / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    with pytest.raises(BadModel, match="recognises no speech"):
        recogniser(copy)


def test_a_model_for_another_rate_is_refused(wav2vec2, tmp_path):
    copy = shutil.copytree(wav2vec2, tmp_path / "copy")
    config = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps({**config, "sampling_rate": 8000}))
    with pytest.raises(BadModel, match="16 kHz"):
        recogniser(copy)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BadModel, match=r"nowhere does not exist\. Set folder in \[models\.transcription\]"):
        recogniser(tmp_path / "nowhere")


def test_a_full_device_is_a_memory_error(wav2vec2, monkeypatch):
    engine = recogniser(wav2vec2)

    def fail(*_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(engine, "_heard", fail)
    with pytest.raises(MemoryError):
        engine.hear(NOISE)


async def test_a_checkpoint_behind_the_whole_way(whisper, fake_options, run_dir, wav):
    pytest.importorskip("av")
    options = fake_options(chosen={"transcription": ModelChoice(whisper)})
    async with WorkerClient(options, run_dir) as models:
        transcript = await models.transcribe(wav(0.5, seconds=2), deadline=100)
    assert transcript.language in {"en", "de"}
    assert transcript.seconds == 2.0
    assert transcript.text == " ".join(transcript.text.split()) != ""

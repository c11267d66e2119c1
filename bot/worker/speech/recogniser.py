"""Speech recognition by a transformers checkpoint. Imported in the worker's process alone: torch is here."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    AutoTokenizer,
)

from bot.errors import BadModel
from bot.worker.catalogue import Entry, Heard
from bot.worker.loading import load_model, load_part, number_type, prepare
from bot.worker.speech.audio import Samples
from bot.worker.speech.opening import RATE

# What an encoder-decoder model such as Whisper was trained on, and what fits the memory of a CTC model.
WINDOW_SECONDS = 30.0
WRITERS = frozenset({"whisper", "moonshine", "speech_to_text", "speech-encoder-decoder"})
MOST_TOKENS = 224


def open_checkpoint(entry: Entry, threads: int) -> Checkpoint:
    """The recogniser a folder holds. Raises BadModel when it holds none."""
    prepare(threads)
    config = load_part(AutoConfig, entry)
    if str((config.architectures or [""])[0]).endswith("ForCTC"):
        return Labeller(entry, AutoModelForCTC)
    if config.model_type in WRITERS:
        return Writer(entry, AutoModelForSpeechSeq2Seq)
    raise BadModel(f"{entry.folder} holds a {config.model_type} model, which recognises no speech here.")


class Checkpoint:
    """A recogniser from a folder: on a graphics card in bfloat16, elsewhere in float32."""

    window_seconds = WINDOW_SECONDS

    def __init__(self, entry: Entry, kind: Any) -> None:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.name = entry.name
        self._dtype = number_type(device)
        self._features = load_part(AutoFeatureExtractor, entry)
        if self._features.sampling_rate != RATE:
            raise BadModel(f"The model in {entry.folder} does not take sound at 16 kHz.")
        self._tokenizer = load_part(AutoTokenizer, entry)
        # Noise for training alone.
        self._model = load_model(kind, entry, self._dtype, unneeded=["masked_spec_embed"])
        self._model.to(device).eval()

    def hear(self, window: Samples) -> Heard:
        """The words of a window. Raises MemoryError when the device has no room for it."""
        features = self._features(window, sampling_rate=RATE, return_tensors="pt")
        try:
            with torch.inference_mode():
                return self._heard(features[self._model.main_input_name].to(self._model.device, self._dtype))
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            raise MemoryError("the device has no room for this window") from None

    def _heard(self, sound: torch.Tensor) -> Heard:
        """The words of a window's features."""
        raise BadModel(f"{self.name} recognises no speech.")


class Writer(Checkpoint):
    """A model that writes word after word, such as Whisper; that tells the language, too."""

    def __init__(self, entry: Entry, kind: Any) -> None:
        super().__init__(entry, kind)
        self._choices = choices_of(self._model)
        self._languages = languages_of(self._model)

    def _heard(self, sound: torch.Tensor) -> Heard:
        asked = {self._model.main_input_name: sound, "return_dict_in_generate": True, **self._choices}
        tokens = self._model.generate(**asked).sequences[0]
        language = next((self._languages[each] for each in tokens.tolist() if each in self._languages), "")
        return Heard(self._tokenizer.decode(tokens, skip_special_tokens=True), language)


class Labeller(Checkpoint):
    """A CTC model, such as Wav2Vec2: it labels each frame with a letter, or with the blank.

    The likeliest labels are taken, repeats and then blanks left out (Graves et al., 2006, section 3.2).
    """

    def _heard(self, sound: torch.Tensor) -> Heard:
        labels = self._model(sound).logits[0].argmax(-1).unique_consecutive().tolist()
        kept = [label for label in labels if label != self._model.config.pad_token_id]
        text = str(self._tokenizer.decode(kept, skip_special_tokens=True, group_tokens=False)).strip()
        # Many of these models know capitals alone.
        text = text.lower() if text.isupper() else text
        return Heard(f" {text}" if text else "", "")


def choices_of(model: Any) -> dict[str, Any]:
    """How a model is asked to write. Whisper hears each window once, and does not translate."""
    longest = getattr(model.config, "max_target_positions", None) or 2 * MOST_TOKENS
    choices: dict[str, Any] = {"max_new_tokens": min(MOST_TOKENS, longest // 2)}
    if model.config.model_type == "whisper":
        choices["force_unique_generate_call"] = True
        if getattr(model.generation_config, "is_multilingual", False):
            choices["task"] = "transcribe"
    return choices


def languages_of(model: Any) -> dict[int, str]:
    """The language each of Whisper's tokens stands for; none for other models."""
    tokens = getattr(model.generation_config, "lang_to_id", None) or {}
    return {number: token.strip("<|>") for token, number in tokens.items()}

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
from transformers.utils import logging as transformers_logging

from bot.errors import BadModel
from bot.worker.audio import Samples
from bot.worker.catalogue import Entry, Heard
from bot.worker.decoder import RATE
from bot.worker.engine import first_line

# What an encoder-decoder model such as Whisper was trained on, and what fits the memory of a CTC model.
WINDOW_SECONDS = 30.0
WRITERS = frozenset({"whisper", "moonshine", "speech_to_text", "speech-encoder-decoder"})
MOST_TOKENS = 224


def open_checkpoint(entry: Entry, threads: int) -> Checkpoint:
    """The recogniser a folder holds. Raises BadModel when it holds none."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(threads)
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
        on_cuda = torch.cuda.is_available()
        self.name = entry.name
        self._dtype = torch.bfloat16 if on_cuda else torch.float32
        self._features = load_part(AutoFeatureExtractor, entry)
        if self._features.sampling_rate != RATE:
            raise BadModel(f"The model in {entry.folder} does not take sound at 16 kHz.")
        self._tokenizer = load_part(AutoTokenizer, entry)
        self._model = load_model(kind, entry, self._dtype)
        self._model.to("cuda" if on_cuda else "cpu").eval()

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


def load_part(kind: Any, entry: Entry) -> Any:
    """A part of the folder, without any code of its own. Raises BadModel."""
    try:
        return kind.from_pretrained(entry.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - a wall: transformers raises anything on a broken folder
        raise BadModel(f"The model in {entry.folder} cannot be loaded: {first_line(error)}") from None


def load_model(kind: Any, entry: Entry, dtype: torch.dtype) -> Any:
    """The recogniser, from local safetensors only. Raises BadModel."""
    try:
        model, report = kind.from_pretrained(
            entry.folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
        )
    except Exception as error:  # noqa: BLE001 - a wall, as above
        raise BadModel(f"The model in {entry.folder} cannot be loaded: {first_line(error)}") from None
    missing = sorted(name for name in report["missing_keys"] if "masked_spec_embed" not in name)
    if missing:
        raise BadModel(f"The weights in {entry.folder} lack {len(missing)} tensors, such as {missing[0]}.")
    return model

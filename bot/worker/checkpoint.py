"""Whether the files of a model are what they should be, looked at before anything of them is loaded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import BadModel
from bot.models import Task

if TYPE_CHECKING:
    from bot.worker.catalogue import Entry

WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
GRAPHS = ("model.onnx", "model.int8.onnx")
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
SHA256 = "sha256"
# What the name of an architecture ends with, and what such a model does.
KINDS = {
    "ForSequenceClassification": {Task.CLASSIFICATION, Task.RERANKING},
    "ForQuestionAnswering": {Task.EXTRACTION},
    "ForTokenClassification": set[Task](),
    "ForMaskedLM": {Task.EMBEDDING},
    "ForCausalLM": {Task.GENERATION},
    "LMHeadModel": {Task.GENERATION},
    "ForConditionalGeneration": {Task.SUMMARIZATION, Task.TRANSLATION, Task.TRANSCRIPTION},
    "MTModel": {Task.SUMMARIZATION, Task.TRANSLATION},
    "ForCTC": {Task.TRANSCRIPTION},
}
WANTED = {
    Task.CLASSIFICATION: "a checkpoint for sequence classification",
    Task.RERANKING: "a cross-encoder (sequence classification with one or two labels)",
    Task.EXTRACTION: "a checkpoint for question answering",
    Task.GENERATION: "a causal language model",
    Task.SUMMARIZATION: "an encoder-decoder such as T5 or BART",
    Task.TRANSLATION: "an encoder-decoder such as Marian, NLLB or M2M100",
    Task.TRANSCRIPTION: "a speech recogniser such as Whisper or Wav2Vec2",
}


def check_files(entry: Entry) -> None:
    """Raise BadModel unless the folder holds safetensors weights, of the right kind and unaltered where
    that can be known."""
    setting = f"[models.{entry.role}]"
    if not entry.folder.is_dir():
        raise BadModel(f"The model folder {entry.folder} does not exist. Set folder in {setting}.")
    check_weights(entry.folder)
    if entry.sha256 and weights_sha256(entry.folder) != entry.sha256:
        raise BadModel(
            f"The weights of {entry.name} in {entry.folder} are not the published ones (sha256 differs), "
            f"so they are not loaded. Install them again, or correct sha256 in {setting}."
        )
    check_kind(entry)
    if entry.adapter:
        check_adapter(entry.adapter, setting)


def check_weights(folder: Path) -> None:
    """Raise BadModel unless there is a safetensors file, or a graph for onnxruntime."""
    if not any(folder.glob("*.safetensors")) and graph_of(folder) is None:
        raise BadModel(f"{folder} holds no *.safetensors weights; other formats are not loaded.")


def check_kind(entry: Entry) -> None:
    """Raise BadModel for a checkpoint that plainly does something else than is asked of it."""
    wanted = WANTED.get(Task(entry.task)) if entry.task else None
    if wanted is None:
        return
    for architecture in read_json(entry.folder / "config.json").get("architectures") or []:
        tasks = next((KINDS[end] for end in KINDS if str(architecture).endswith(end)), None)
        if tasks is not None and Task(entry.task) not in tasks:
            raise BadModel(
                f"{entry.folder} holds a {architecture}, which does not serve {entry.role}. "
                f"Name the folder of {wanted} in [models.{entry.role}]."
            )


def check_adapter(adapter: Path, setting: str) -> None:
    """Raise BadModel unless the folder holds an adapter, unaltered where a sum lies beside it."""
    if not (adapter / ADAPTER_CONFIG).is_file():
        raise BadModel(f"{adapter} holds no LoRA adapter ({ADAPTER_CONFIG}). Set adapter in {setting}.")
    check_weights(adapter)
    published = published_sha256(adapter)
    if published and file_sha256(adapter / ADAPTER_WEIGHTS) != published:
        raise BadModel(
            f"The weights in {adapter} are not those that {SHA256} beside them names, so they are not loaded."
        )


def published_sha256(folder: Path) -> str:
    """What the weights in a folder hash to, as a file beside them says; empty where none does."""
    file = folder / SHA256
    return file.read_text().split()[0] if file.is_file() else ""


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object; an empty one where there is no such file. Raises BadModel for anything else."""
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise BadModel(f"{file} cannot be read as JSON.") from None
    if not isinstance(found, dict):
        raise BadModel(f"{file} holds no JSON object.")
    return found


def weights_sha256(folder: Path) -> str:
    """Of model.safetensors, or of a graph that is there alone; of weights in several files, of their sums
    in the order of their names.

    Raises BadModel when they cannot be read.
    """
    if not (folder / WEIGHTS_INDEX).is_file():
        return file_sha256(graph_of(folder) or folder / WEIGHTS)
    sums = [file_sha256(each) for each in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def graph_of(folder: Path) -> Path | None:
    """The graph of a folder that holds nothing else to compute: no weights that torch could load."""
    if any(folder.glob("*.safetensors")):
        return None
    return next((folder / name for name in GRAPHS if (folder / name).is_file()), None)


def file_sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal. Raises BadModel when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadModel(f"{path} cannot be read: {error.strerror}.") from None

"""A checkpoint from a model hub. Nothing here runs unless an operator asks for a download."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.catalogue.source import KEPT, NESTED
from bot.catalogue.writing import explained
from bot.errors import BadInput

HUB_NAME = re.compile(r"(?P<model>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)
SECONDS = 30.0
REPLY_SECONDS = 10.0


def is_hub_name(source: str) -> bool:
    """Whether a source is named as hubs name models: `owner/model`, or `owner/model@revision`."""
    return bool(HUB_NAME.fullmatch(source))


@contextmanager
def downloaded(source: str, place: Path) -> Iterator[tuple[Path, str]]:
    """The folder of a model's files and the commit they are of; gone from `place` afterwards.

    Only what may be added is fetched: no pickle, no code. Raises BadInput when it cannot be had.
    """
    named = HUB_NAME.fullmatch(source)
    if named is None:
        raise BadInput(f"{source!r} is no name of a hub, such as owner/model@revision.")
    with explained(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=place) as folder:
        found = _fetch(named["model"], named["revision"], Path(folder))
        yield found, found.name


def _fetch(model: str, revision: str | None, folder: Path) -> Path:
    try:
        os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", f"{SECONDS:.0f}")
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError:
        raise BadInput("Downloads need huggingface_hub: install parley[models].") from None
    patterns = [*(f"*{suffix}" for suffix in KEPT), "LICEN*", f"{NESTED}/*.json"]
    try:
        found = snapshot_download(
            model,
            revision=revision,
            cache_dir=folder,
            etag_timeout=REPLY_SECONDS,
            allow_patterns=patterns,
            ignore_patterns=["*.py", "*/*.safetensors"],
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    except OSError as error:
        with explained(folder):
            if error.errno is not None and type(error) is OSError:
                raise
        raise _refusal(model, revision, error) from None
    except Exception as error:  # noqa: BLE001 - a wall: the library raises anything on a broken answer
        raise _refusal(model, revision, error) from None
    return Path(found)


def _refusal(model: str, revision: str | None, error: Exception) -> BadInput:
    reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
    return BadInput(f"{model} ({revision or 'main'}) cannot be downloaded: {reason}")

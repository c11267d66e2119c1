"""Where the peers are installed: each in an environment of its own, made when it is asked for.

All but Infinity borrow the libraries of this environment, torch and transformers above all, so that the
same numbers are computed the same way. Infinity needs older ones and gets them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ParleyError

INSTALL_SECONDS = 900.0
BORROWED = "borrowed.pth"
LAST_LINES = 300


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is installed, and whether it borrows what is here."""

    packages: tuple[str, ...]
    borrows: bool = True


RECIPES: Mapping[str, Recipe] = {
    "litserve": Recipe(("litserve==0.2.19", "aiohttp>=3.12")),
    "batched": Recipe(("batched==0.1.5",)),
    "infinity": Recipe(("infinity-emb[torch]==0.0.78", "transformers<5", "numpy<2"), borrows=False),
}
# What is measured with the packages that are here anyway, if they are.
HERE = {"naive": "transformers", "ray": "ray"}


class NotInstalled(ParleyError):
    """A peer cannot be measured here; the message says why."""


async def interpreter(peer: str, folder: Path, *, may_install: bool) -> Path:
    """The Python that can run a peer. Raises NotInstalled."""
    if peer not in RECIPES:
        if HERE.get(peer) and importlib.util.find_spec(HERE[peer]) is None:
            raise NotInstalled(f"{HERE[peer]} is not installed")
        return Path(sys.executable)
    place = folder / peer
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (place / "complete").exists():
        return python
    if not may_install:
        raise NotInstalled("it has no environment; --peers makes one")
    await asyncio.to_thread(install, RECIPES[peer], place, python)
    return python


def install(recipe: Recipe, place: Path, python: Path) -> None:
    """Make the environment. Raises NotInstalled."""
    command([sys.executable, "-m", "venv", "--clear", str(place)])
    if recipe.borrows:
        query = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own = Path(command([str(python), "-c", query]).strip())
        (own / BORROWED).write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    command([str(python), "-m", "pip", "install", "--quiet", *recipe.packages])
    (place / "complete").touch()


def command(words: list[str]) -> str:
    """Run one command and return what it printed. Raises NotInstalled."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS)  # noqa: S603
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or error.stdout).strip()[-LAST_LINES:]
        raise NotInstalled(f"it could not be installed: {reason}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"it could not be installed ({type(error).__name__})") from None
    return done.stdout

"""What a check found: fine, doubtful or broken, and then what to click or type."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path

CLOCK_SECONDS = 60.0


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for an operator. `advice` says what to do; a secret stands nowhere in it."""

    what: str
    state: State
    words: str
    advice: str = ""


def fine(what: str, words: str) -> Finding:
    """Nothing to do."""
    return Finding(what, State.OK, words)


def doubtful(what: str, words: str, advice: str = "") -> Finding:
    """It works, but perhaps not as meant."""
    return Finding(what, State.WARNING, words, advice)


def broken(what: str, words: str, advice: str = "") -> Finding:
    """It does not work until something is done."""
    return Finding(what, State.FAILURE, words, advice)


def compare_clocks(what: str, date: str, now: float) -> Finding:
    """This machine's clock (`now`, seconds since 1970) against a platform's `Date` header."""
    try:
        away = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return doubtful(what, "the platform's answer holds no time to compare with.")
    if abs(away) <= CLOCK_SECONDS:
        return fine(what, f"within {abs(away):.0f} s of the platform's.")
    direction = "ahead of" if away > 0 else "behind"
    return broken(
        what,
        f"this machine is {abs(away):.0f} s {direction} the platform.",
        "Switch on time synchronisation (NTP), for example: sudo timedatectl set-ntp true",
    )


def place_of(file: Path | None, variable: str) -> str:
    """Where a secret is kept: the file that a setting names, or an environment variable."""
    return f"the file {file}" if file else variable

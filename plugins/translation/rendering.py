"""How a translation is shown, with the way back to its original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot import Reply, language_name
from plugins.translation.work import Translation

QUOTED = 1500
NOTHING = (
    "No translation came back that keeps what must stay, so I show none. Try again; if that happens often, "
    "the operator may try another model."
)
SMALL = " · by parley's small built-in model; for a better one set models.translation or endpoint.url"


@dataclass(frozen=True, slots=True)
class Original:
    """What was translated: where it is read, or that it stands right above the answer."""

    text: str
    link: str = ""
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """From which language into which, and whether the model is the small one that is built in.

    `source` is empty where the language was not recognised.
    """

    source: str
    target: str
    is_small: bool = False

    @property
    def named(self) -> str:
        """The languages in words, and whose work it is where that counts."""
        source = language_name(self.source) if self.source else "language not recognised"
        return f"*{source} → {language_name(self.target)}{SMALL if self.is_small else ''}*"


def rendered(translation: Translation, original: Original, way: Way) -> Reply:
    """The translation; below it the languages, and the original a click away or quoted."""
    if translation.refused and translation.text == original.text:
        return Reply(NOTHING)
    way_back = f" · [original]({original.link})" if original.link else ""
    lines = [translation.text, "", f"{way.named}{way_back}", *remarks([translation])]
    if not (original.link or original.is_shown):
        lines += ["", *(f"> {line}" for line in _clipped(original.text).splitlines())]
    return Reply("\n".join(lines))


def remarks(translations: Sequence[Translation]) -> list[str]:
    """What is to be known of translations: what stands as it was, and why."""
    lines = []
    if refused := sum(each.refused for each in translations):
        count = "One sentence stands" if refused == 1 else f"{refused} sentences stand"
        was = "it was" if refused == 1 else "they were"
        lines.append(f"{count} as {was}: no translation kept all that must stay.")
    if broken := next((each.broken for each in translations if each.broken), ""):
        lines.append(f"The rest stands as it was, for the translation broke off: {broken}")
    return lines


def _clipped(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED].rstrip()} …"

"""How a translation is shown, with the way back to its original."""

from __future__ import annotations

from dataclasses import dataclass

from bot import Reply, language_name
from plugins.translation.work import Translation

QUOTED = 1500
NOTHING = (
    "No translation came back that keeps what must stay, so I show none. Try again; if that happens often, "
    "the operator may try another model."
)


@dataclass(frozen=True, slots=True)
class Original:
    """What was translated: where it is read, or that it stands right above the answer."""

    text: str
    link: str = ""
    is_shown: bool = False


def rendered(translation: Translation, original: Original, *, source: str, target: str) -> Reply:
    """The translation; below it the languages, and the original a click away or quoted."""
    if translation.refused and translation.text == original.text:
        return Reply(NOTHING)
    languages = (
        f"{language_name(source)} → {language_name(target)}" if source else f"→ {language_name(target)}"
    )
    way_back = f" · [original]({original.link})" if original.link else ""
    lines = [translation.text, "", f"*{languages}*{way_back}"]
    if translation.refused:
        one = translation.refused == 1
        count = "One sentence stands" if one else f"{translation.refused} sentences stand"
        lines.append(
            f"{count} as {'it was' if one else 'they were'}: no translation kept all that must stay."
        )
    if not (original.link or original.is_shown):
        lines += ["", *(f"> {line}" for line in _clipped(original.text).splitlines())]
    return Reply("\n".join(lines))


def _clipped(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED].rstrip()} …"

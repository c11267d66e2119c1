"""The mood of one text, in words."""

from __future__ import annotations

from bot import BadInput, Context, Labels
from plugins.sentiment.watching import decisive

UNSURE = 0.5


async def judged(context: Context, text: str) -> str:
    """What the mood of a text is, how sure that is, and by which words. Raises BadInput for no words."""
    if not any(letter.isalnum() for letter in text):
        raise BadInput("There are no words to judge. Type some: `/mood What a lovely day`.")
    labels = (await context.models.classify([text], explain=True))[0]
    words = decisive(text, labels)
    lines = [
        f"**{labels.label.capitalize()}**, with a probability of {labels.probability:.2f}.{_unsure(labels)}"
    ]
    if words:
        lines.append(f"Decisive: {', '.join(words)}")
    lines.append(", ".join(f"{label} {chance:.2f}" for label, chance in labels.probabilities))
    return "\n".join(lines)


def _unsure(labels: Labels) -> str:
    return " That is little better than a guess." if labels.probability < UNSURE else ""

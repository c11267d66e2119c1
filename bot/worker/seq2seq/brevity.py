"""Keep a written summary within its words, at the end of a sentence where there is one."""

from __future__ import annotations

import re

# Chinese and Japanese characters count as words.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:['’.-]\w+)*")
SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s|$)|[。！？]")


def shortened(text: str, most_words: int, *, is_cut: bool) -> str:
    """At most so many words; a text that was cut while it was written ends with a whole sentence, or " …"."""
    text = text.strip()
    places = [match.end() for match in WORD.finditer(text)]
    if len(places) > most_words:
        after = WORD.search(text, places[most_words - 1])
        text, is_cut = text[: after.start() if after else None].rstrip(), True
    if not is_cut:
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else f"{text} …".lstrip()

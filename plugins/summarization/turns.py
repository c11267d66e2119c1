"""What is summarised: turns of a conversation, a document or a text, and their sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot import Passage, Said, sentences, stems
from plugins.summarization.forms import is_cjk

LONGEST = 280
LONGEST_CJK = 100
LONGEST_READ = 2000
"""Characters of a sentence that are shown, and that are looked at."""

BOT = "parley"
COMMAND = re.compile(r"^[/!][A-Za-z]")
NOTICE = re.compile(r"^(=== |\*\*\* |.{0,60}has (joined|left) (the |#)|.{0,60}(加入|离开|退出)了(频道|群))")
FENCED = re.compile(r"```.*?(```|\Z)", re.DOTALL)
QUOTED = re.compile(r"^>.*$", re.MULTILINE)
MARKS = re.compile(r"\{[a-z]+\}|\[[a-z]+\](?!\()")
"""Notes of who wrote a talk down, such as {pause} and [laughter]."""

SPOKEN = re.compile(r"^(#?\w[^:：\n]{0,39})[:：]\s*(\S.*)$")
BLANK = re.compile(r"\s+")
CLAUSE = re.compile(r"[,;:，；：、]|\s[-–—]\s|\s(?=(?:and|but|because|so|which|that)\s)")


@dataclass(frozen=True, slots=True)
class Turn:
    """Something said or written in one piece. `speaker` is empty for documents and plain texts.

    What is not `quotable` only tells what became of the rest. `passage` is where it stands in a document.
    """

    speaker: str
    text: str
    key: str = ""
    reply_to: str = ""
    link: str = ""
    by_bot: bool = False
    quotable: bool = True
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it was written, and the number of its turn."""

    text: str
    turn: int


def turns_of(said: Iterable[Said], *, quotes_bot: bool) -> list[Turn]:
    """Messages as turns: without commands to the bot, without empty ones and who came and went."""
    return [
        Turn(
            BOT if each.by_bot else each.author,
            each.text,
            each.key,
            each.reply_to,
            each.link,
            each.by_bot,
            quotes_bot or not each.by_bot,
        )
        for each in said
        if each.text.strip() and not COMMAND.match(each.text) and not NOTICE.search(each.text)
    ]


def turns_in(text: str) -> list[Turn]:
    """A pasted text as turns: by speaker where most lines begin with one, else by paragraph."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    spoken = [SPOKEN.match(line) for line in lines]
    if len(lines) < 2 or sum(each is not None for each in spoken) * 4 < len(lines) * 3:
        return [Turn("", line) for line in lines]
    return [
        Turn(match[1].strip(), match[2]) if match else Turn("", line)
        for match, line in zip(spoken, lines, strict=True)
    ]


def sentences_of(turns: Sequence[Turn]) -> list[Sentence]:
    """The sentences of all turns that say something, in order; code and quoted lines are left out."""
    return [Sentence(text, number) for number, turn in enumerate(turns) for text in _said(turn.text)]


def shortened(text: str) -> str:
    """A sentence of a length that can be read at a glance: cut between clauses where it is longer."""
    longest = LONGEST_CJK if is_cjk(text) else LONGEST
    if len(text) <= longest:
        return text
    cuts = [match.start() for match in CLAUSE.finditer(text, longest // 2, longest)]
    end = cuts[-1] if cuts else text.rfind(" ", longest // 2, longest)
    return f"{text[: end if end > 0 else longest].rstrip()} …"


def _said(text: str) -> Iterator[str]:
    bare = MARKS.sub("", QUOTED.sub("", FENCED.sub("\n", text)))
    for line in bare.splitlines():
        for sentence in sentences(line):
            if stems(sentence[:LONGEST_READ]):
                yield BLANK.sub(" ", sentence[:LONGEST_READ])

"""The words of an answer, in the language of the question: English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from bot import Reply
from plugins.qa.cues import is_cjk
from plugins.qa.evidence import Sentence
from plugins.qa.reading import Answer

UNKNOWN = (
    "I don't know: the documents I have say nothing that answers this.",
    "我不知道：现有的资料里没有能回答这个问题的内容。",
)
EMPTY = (
    "I have no documents to answer from yet. Add some with the button on the page, or on the command line: "
    "`parley knowledge add PATH`.",
    "我还没有任何资料可以用来回答。请在网页上添加文件，或使用命令：`parley knowledge add PATH`。",
)


def answer(quoted: Sequence[Sentence], found: Answer | None = None) -> Reply:
    """The words that answer, in bold, where they were found; then the sentences they stand on.

    Each has the number of its source; the citations are in the order of the numbers.
    """
    lines = [(each.text, each.passage) for each in quoted]
    if found:
        others = [line for line in lines if line[0] != found.sentence]
        lines = [(found.sentence, found.passage), *others]
    if found and found.is_part:
        lines.insert(0, (f"**{' '.join(found.text.split())}**", found.passage))
    passages = {passage.id: passage for _, passage in lines}
    numbers = {key: number for number, key in enumerate(passages, start=1)}
    return Reply(
        "\n\n".join(f"{text} [{numbers[passage.id]}]" for text, passage in lines),
        tuple(passage.cite() for passage in passages.values()),
    )


def unknown(question: str) -> str:
    """That the documents do not tell."""
    return UNKNOWN[is_cjk(question)]


def empty(question: str) -> str:
    """That there are no documents, and how to add some."""
    return EMPTY[is_cjk(question)]

"""The words of an answer, in the language of the question: English or Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from bot import Citation, Reply
from plugins.qa.cues import is_cjk
from plugins.qa.evidence import Sentence

UNKNOWN = (
    "I don't know: the documents I have say nothing that answers this.",
    "我不知道：现有的资料里没有能回答这个问题的内容。",
)
EMPTY = (
    "I have no documents to answer from yet. Add some with the button on the page, or on the command line: "
    "`parley knowledge add PATH`.",
    "我还没有任何资料可以用来回答。请在网页上添加文件，或使用命令：`parley knowledge add PATH`。",
)


def answer(sentences: Sequence[Sentence]) -> Reply:
    """The sentences, each with the number of its source; the citations are in the order of the numbers."""
    numbers: dict[str, int] = {}
    citations: list[Citation] = []
    lines = []
    for sentence in sentences:
        if sentence.passage.id not in numbers:
            citations.append(sentence.passage.cite())
            numbers[sentence.passage.id] = len(citations)
        lines.append(f"{sentence.text} [{numbers[sentence.passage.id]}]")
    return Reply("\n\n".join(lines), tuple(citations))


def unknown(question: str) -> str:
    """That the documents do not tell."""
    return UNKNOWN[is_cjk(question)]


def empty(question: str) -> str:
    """That there are no documents, and how to add some."""
    return EMPTY[is_cjk(question)]

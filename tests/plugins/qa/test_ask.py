"""Questions in English and Chinese are answered with their sources, or honestly not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.knowledge.library import Library
from bot.models import Models
from storage import Store

pytestmark = pytest.mark.asyncio(loop_scope="package")

DOCUMENTS = {
    "returns.md": "# Returns\n\nGoods can be returned within 30 days of delivery. Opened boxes stay sold.\n\n"
    "## Refunds\n\nRefunds are paid to the original card within five working days.\n",
    "staff.csv": "Name,Role,Phone\nAnna Berg,Head of support,1234\nLi Wei,Engineer,5678\n",
    "lighthouse.txt": "The lighthouse was built in 1893 by Maria Falk. It is 41 metres tall.\n\n"
    "The keeper lives in the white house beside it.\n",
    "假期.md": "# 假期制度\n\n员工每年有十五天带薪年假。病假需要提供医院证明。\n\n"
    "## 加班\n\n加班费为平时工资的1.5倍。\n",
}


@pytest.fixture(params=["real", "none"])
def models(request: pytest.FixtureRequest) -> Models:
    return request.getfixturevalue(f"{request.param}_models" if request.param == "real" else "no_models")


@pytest_asyncio.fixture(loop_scope="package")
async def library(sqlite_store: Store, models: Models) -> AsyncIterator[Library]:
    async with Library(sqlite_store.knowledge, models) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="package")
async def ask(library: Library, models: Models, asker: Any) -> Any:
    for name, text in DOCUMENTS.items():
        await library.add_file(name, text.encode())
    return asker(library, models)


@pytest.mark.parametrize(
    ("question", "words", "document", "heading", "location"),
    [
        ("How many days after delivery can goods be returned?", "30 days", "returns.md", "Returns", "line 3"),
        ("Who built the lighthouse?", "Maria Falk", "lighthouse.txt", "", "line 1"),
        ("What is the phone number of Li Wei?", "5678", "staff.csv", "", "row 2"),
        ("员工有多少天年假？", "十五天", "假期.md", "假期制度", "line 3"),
        ("加班费是多少？", "1.5倍", "假期.md", "假期制度 › 加班", "line 7"),
    ],
)
async def test_answers_have_their_source(
    ask: Any, question: str, words: str, document: str, heading: str, location: str
) -> None:
    reply = await ask(question)
    first, *_ = reply.citations
    assert words in reply.text.split("\n\n")[0]
    assert reply.text.split("\n\n")[0].endswith("[1]")
    assert (first.document, first.heading, first.location) == (document, heading, location)
    assert words in first.text


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Who won the world cup in 2010?", "I don't know"),
        ("How do I reset my password?", "I don't know"),
        ("法国的首都是哪里？", "我不知道"),
        ("?", "I don't know"),
    ],
)
async def test_what_the_documents_do_not_tell_is_not_answered(ask: Any, question: str, words: str) -> None:
    reply = await ask(question)
    assert words in reply.text
    assert reply.citations == ()


async def test_every_mark_has_its_citation(ask: Any) -> None:
    reply = await ask("When was the lighthouse built, and how tall is it?", sentences=5, threshold=0.0)
    marks = {part.partition("]")[0] for part in reply.text.split("[")[1:]}
    assert marks == {str(number) for number in range(1, len(reply.citations) + 1)}
    assert len({citation.passage for citation in reply.citations}) == len(reply.citations)


async def test_the_threshold_decides(ask: Any) -> None:
    assert (await ask("Who built the lighthouse?", threshold=1.0)).citations == ()
    assert (await ask("Who won the house?", threshold=0.0)).citations != ()


async def test_an_empty_library_says_how_to_fill_it(library: Library, models: Models, asker: Any) -> None:
    put = asker(library, models)
    assert "parley knowledge add" in (await put("Who built the lighthouse?")).text
    assert "资料" in (await put("谁建了灯塔？")).text
    await library.add_file("private.txt", b"The lighthouse was built by Maria Falk.", scope="web:ann")
    assert "parley knowledge add" in (await put("Who built the lighthouse?")).text
    assert (await put("Who built the lighthouse?", scopes=("", "web:ann"))).citations != ()

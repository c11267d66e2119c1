"""Skills for the page's tests: their answers have drafts, citations, code and hostile markup."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Literal

from bot import Button, Choice, Citation, Context, Look, Menu, Reply, ReplyFile, Skill, Word, hookimpl, skill

LEAVE = (
    "Employees receive 27 days of paid leave a year. Up to five unused days may be carried over until "
    "31 March of the following year. Leave is requested at least two weeks ahead through the staff portal."
)
EXPIRY = "Days that were carried over and not taken by 31 March expire. Illness may extend this date."
CHINESE = "员工每年享有27天带薪年假。未休完的年假最多可将5天结转至次年3月31日。"
HOSTILE = '<script>document.title="hacked"</script><img src=x onerror=alert(1)>'


@skill(examples=["how many days of leave do I have", "我有多少天年假"])
async def leave(
    context: Context, question: Annotated[str, "what you want to know"]
) -> AsyncIterator[str | Reply]:
    """Answer a question about leave, with its sources."""
    if context.message.language == "zh" or "假" in question:
        yield Reply(
            "员工每年享有27天带薪年假。[1]",
            (Citation("员工手册.pdf", "1", CHINESE, "第四章 › 休假", "第 12 页"),),
        )
        return
    sentence = "Employees receive 27 days of paid leave a year."
    for end in range(10, len(sentence), 10):
        yield sentence[:end]
        await asyncio.sleep(0.03)
    yield Reply(
        f"{sentence} [1] Days that were carried over and not taken by 31 March expire. [2]",
        (
            Citation("handbook.pdf", "1", LEAVE, "Working time › Leave", "page 12"),
            Citation("handbook.pdf", "2", EXPIRY, "Working time › Leave", "page 13"),
        ),
    )


@skill
async def echo(context: Context, text: str) -> str:
    """Say the same again."""
    return text


@skill
async def wait(context: Context, seconds: float, text: str = "") -> str:
    """Take some time, then say the text."""
    await asyncio.sleep(seconds)
    return text or f"waited {seconds:g} s"


@skill
async def silent(context: Context) -> None:
    """Think for a moment and say nothing."""
    await asyncio.sleep(0.3)


@skill
async def hostile(context: Context) -> Reply:
    """Answer with everything that must not work on a page."""
    links = "[click](javascript:alert(1)) ![picture](https://example.com/leak.png)"
    text = f"{HOSTILE}\n\n{links} <svg onload=alert(1)> [1]"
    return Reply(text, (Citation(f"{HOSTILE}.pdf", "1", f"A passage. {HOSTILE}", HOSTILE, HOSTILE),))


@skill
async def plan(
    context: Context,
    span: Annotated[Literal["day", "week"], "how far ahead"],
    items: Annotated[int, "at most this many"] = 3,
) -> str:
    """Make a plan."""
    return f"a plan for a {span} with {items} items"


@skill
async def note(
    context: Context,
    title: Annotated[Word, "what it is called"],
    urgent: bool = False,
    size: Literal["small", "large"] = "small",
    length: Annotated[int, "in lines"] = 1,
    text: str = "",
) -> str:
    """Write a note down."""
    return "```\n" + f"{title}|{urgent}|{size}|{length}|{text}" + "\n```"


@skill
async def offer(context: Context) -> Reply:
    """Offer everything that can be pressed and chosen."""
    return Reply(
        "What next?",
        controls=(
            Button("Say hello", "/echo hello"),
            Button("Write a note", '/note "my title" yes', Look.PRIMARY, asks=True),
            Button("Gone", "/gone for good", Look.DANGER, asks=True),
            Button(HOSTILE, f"/echo {HOSTILE}"),
            Menu("Say a number", (Choice("One", "/echo 1"), Choice("Two", "/echo 2", "the next one"))),
            Menu("Many", tuple(Choice(f"Line {number}", f"/echo {number}") for number in range(40))),
        ),
    )


@skill
async def parcel(context: Context, name: Word) -> Reply:
    """Send a file."""
    return Reply("Here it is.", files=(ReplyFile(name, "text/html", b"<script>alert(1)</script>"),))


@skill(deadline=0.2)
async def overrun(context: Context) -> str:
    """Take longer than allowed."""
    await asyncio.sleep(30)
    return "too late"


@skill
async def fail(context: Context) -> str:
    """Fail as a broken skill does."""
    raise ZeroDivisionError("the secret detail")


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer them all."""
    for each in (leave, echo, wait, silent, hostile, plan, note, offer, parcel, overrun, fail):
        register(each)

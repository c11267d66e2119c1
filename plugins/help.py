"""Say what the bot can do here, and why it answered as it did."""

from collections.abc import Callable, Sequence
from typing import Annotated

from bot import BadArguments, Button, Context, Look, Reply, Skill, Suggest, Word, hookimpl, skill

OFFERED = 3


async def topics(context: Context, typed: str) -> Sequence[str]:
    """The skills here whose name holds what is typed."""
    wanted = typed.strip().lstrip("/").casefold()
    return [each.name for each in context.skills if wanted in each.name]


@skill(
    name="help",
    examples=(
        "what can you do?",
        "how do I use you?",
        "show me the commands",
        "help",
        "你能做什么？",
        "你会什么",
        "怎么使用你",
        "帮助",
    ),
)
async def show_help(context: Context, topic: Annotated[Word, Suggest(topics)] = "") -> Reply:
    """Show what I can do, or how one skill is used."""
    if not topic:
        return _overview(context.skills)
    found = next((each for each in context.skills if topic.lstrip("/") in (each.name, *each.aliases)), None)
    if found is None:
        raise BadArguments(f"There is no skill {topic[:40]!r} here. Type /help to see all of them.")
    return _page(found)


@skill(examples=("why did you say that?", "why did you answer like this?", "你为什么这样回答"))
async def why(context: Context) -> str:
    """Explain how the message before this one was routed, with its score."""
    decision = await context.history.last_decision()
    return (
        decision.explain() if decision else "There is nothing to explain yet: this conversation just began."
    )


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer help and why."""
    register(show_help)
    register(why)


def _overview(skills: Sequence[Skill]) -> Reply:
    """All skills; help is a press away on those that begin with a text of one's own."""
    lines = [f"- `/{each.usage}`: {each.summary}" for each in skills]
    wordy = [each.name for each in skills if each.takes_text][:OFFERED]
    return Reply(
        "\n".join(["Ask me a question in your own words, or use:", *lines]),
        controls=tuple(Button(f"Help on {name}", f"/help {name}") for name in wordy),
    )


def _page(found: Skill) -> Reply:
    lines = [f"`/{found.usage}`", "", found.help]
    for parameter in found.parameters:
        if parameter.help or parameter.choices:
            choices = f" One of {', '.join(parameter.choices)}." if parameter.choices else ""
            lines.append(f"- **{parameter.name}**: {parameter.help}{choices}")
    if found.examples:
        lines += ["", "For example: " + "; ".join(found.examples[:3])]
    use = Button(f"Use {found.name}", f"/{found.name}", Look.PRIMARY, asks=True)
    return Reply("\n".join(lines), controls=(use,) if found.parameters else ())

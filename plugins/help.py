"""Say what the bot can do here, and why it answered as it did."""

from collections.abc import Callable

from bot import BadArguments, Context, Skill, Word, hookimpl, skill


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
async def show_help(context: Context, topic: Word = "") -> str:
    """Show what I can do, or how one skill is used."""
    if not topic:
        lines = [f"- `/{each.usage}`: {each.summary}" for each in context.skills]
        return "\n".join(["Ask me a question in your own words, or use:", *lines])
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


def _page(found: Skill) -> str:
    lines = [f"`/{found.usage}`", "", found.help]
    for parameter in found.parameters:
        if parameter.help or parameter.choices:
            choices = f" One of {', '.join(parameter.choices)}." if parameter.choices else ""
            lines.append(f"- **{parameter.name}**: {parameter.help}{choices}")
    if found.examples:
        lines += ["", "For example: " + "; ".join(found.examples[:3])]
    return "\n".join(lines)

"""Let anyone report a message to the moderators' channel, on whichever platform that is."""

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from bot import BadInput, Context, PluginSettings, Reply, Said, Settings, Skill, hookimpl, skill


class ReportSettings(PluginSettings):
    """Where reports go."""

    channel: str = Field(
        "",
        pattern=r"^$|^[a-z]+:[^/\s]+(/[^/\s]+)?$",
        description="The moderators' conversation, such as discord:1234 or slack:T1.C1. Empty: no reports.",
    )


@skill(menu="Report to moderators", to_asker=True)
async def report(context: Context, reason: Annotated[str, "What is wrong with it"] = "") -> Sequence[Reply]:
    """Report a message to the moderators, who alone see it. Reply to the message, or use its menu."""
    said = await context.history.quoted()
    if said is None:
        raise BadInput("Which message? Reply to it with /report, or choose it in the message's menu.")
    notice = Reply(
        _notice(context, said, reason), to=context.settings(ReportSettings).channel, at_most_once=True
    )
    return [Reply("Thank you. The moderators have been told; nobody else sees this."), notice]


@hookimpl
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare [plugin.report]."""
    register(ReportSettings)


@hookimpl
def register_skills(register: Callable[[Skill], None], settings: Settings) -> None:
    """Offer report where there is someone to report to."""
    if settings.plugin.get("report", {}).get("channel"):
        register(report)


def _notice(context: Context, said: Said, reason: str) -> str:
    channel, reporter = context.message.channel, context.message.author
    where = f"#{channel.name}" if channel.name else channel.conversation
    quote = "\n".join(f"> {line}" for line in said.text.splitlines())
    lines = [
        f"**Reported** by {reporter.name or reporter.id} in {where}: a message of {said.author}",
        quote,
        f"Reason: {reason}" if reason else "",
        said.link,
    ]
    return "\n".join(line for line in lines if line)

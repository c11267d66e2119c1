"""What the bot shows of itself: the home tab, and things to ask where a conversation begins."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from bot.connectors.slack.views import home, prompts
from bot.connectors.slack.workspaces import Workspace
from bot.offers import Offers


class Greeting:
    """Answers events that are no messages. `command` is the slash command people type."""

    def __init__(self, offers: Offers, command: str) -> None:
        self._offers = offers
        self._command = command

    def of(
        self, kind: str, event: Mapping[str, Any], workspace: Workspace
    ) -> Coroutine[Any, Any, None] | None:
        """What is to be done about an event beside; None when nothing is."""
        match kind:
            case "app_home_opened" if event.get("tab") == "home":
                return self._show_home(str(event["user"]), workspace)
            case "app_home_opened":
                return self._suggest(str(event["channel"]), None, workspace)
            case "assistant_thread_started":
                thread = event["assistant_thread"]
                return self._suggest(str(thread["channel_id"]), str(thread["thread_ts"]), workspace)
        return None

    async def _show_home(self, user: str, workspace: Workspace) -> None:
        view = home(self._offers.skills(), self._command)
        await workspace.api.call("views.publish", user_id=user, view=view)

    async def _suggest(self, channel: str, thread: str | None, workspace: Workspace) -> None:
        if offered := prompts(self._offers.skills(f"slack:{workspace.team}.{channel}")):
            await workspace.api.call(
                "assistant.threads.setSuggestedPrompts",
                channel_id=channel,
                thread_ts=thread,
                title="Things to ask",
                prompts=offered,
            )

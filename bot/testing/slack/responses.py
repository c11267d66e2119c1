"""response_url: answers to an interaction, for half an hour and at most five times."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from bot.testing.slack import blocks as limits_of_blocks
from bot.testing.slack.bodies import snapshot
from bot.testing.slack.faults import Faults
from bot.testing.slack.interactions import ANSWERS_PER_ADDRESS, Interaction
from bot.testing.slack.markup import pings
from bot.testing.slack.people import People
from bot.testing.slack.state import Json, Posted

VALID_SECONDS = 1800.0


class Responses:
    """Takes what the bot posts to a response_url and shows it."""

    def __init__(self, slack: People, faults: Faults) -> None:
        self.valid_seconds = VALID_SECONDS
        self._slack = slack
        self._faults = faults

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One answer."""
        planned = await self._faults.next("response_url")
        if planned is not None and not planned.accepted:
            self._slack.requests.append(("response_url", planned.word))
            return planned.respond(request)
        interaction = self._slack.interactions.get(request.match_info["trigger"])
        error = self._refusal(interaction)
        answer = await request.json()
        if error is None and (found := limits_of_blocks.problems(answer.get("blocks") or [])):
            error = f"invalid_blocks: {found[0]}"
        self._slack.requests.append(("response_url", error or "ok"))
        if error is not None:
            return web.json_response({"ok": False, "error": error}, status=404 if "url" in error else 400)
        self.show(cast(Interaction, interaction), answer)
        return web.Response(text="ok") if planned is None else planned.respond(request)

    def show(self, interaction: Interaction, answer: Json) -> None:
        """What people see of an answer, and those who wait for it hear."""
        interaction.responses.append(answer)
        interaction.noticed()
        replaced = self._original(interaction)
        if answer.get("delete_original") and replaced is not None:
            self._remove(replaced)
        elif answer.get("replace_original") and replaced is not None:
            self._replace(replaced, answer)
        elif interaction.channel is not None and (answer.get("text") or answer.get("blocks")):
            self._add(interaction, answer)

    def _refusal(self, interaction: Interaction | None) -> str | None:
        if interaction is None:
            return "invalid_url"
        if self._slack.clock() - interaction.sent_at > self.valid_seconds:
            return "expired_url"
        return "used_url" if len(interaction.responses) >= ANSWERS_PER_ADDRESS else None

    def _original(self, interaction: Interaction) -> Posted | None:
        ts = interaction.message_ts
        if ts is None or interaction.channel is None:
            return None
        return self._slack.hidden.get(ts) or self._slack.places[interaction.channel].messages.get(ts)

    def _remove(self, message: Posted) -> None:
        if message.seen_by is not None:
            del self._slack.hidden[message.ts]
        else:
            self._slack.remove(message)

    def _replace(self, message: Posted, answer: Json) -> None:
        previous = snapshot(self._slack, message)
        message.text = answer.get("text", "")
        message.blocks = limits_of_blocks.named(answer.get("blocks") or [], self._slack.identity)
        message.mentions = pings(message.text, message.blocks)
        if message.seen_by is None:
            message.edited = {"user": message.bot_id, "ts": self._slack.moment()}
            self._slack.emit_change(message, previous)

    def _add(self, interaction: Interaction, answer: Json) -> None:
        place = self._slack.places[cast(str, interaction.channel)]
        blocks = limits_of_blocks.named(answer.get("blocks") or [], self._slack.identity)
        message = Posted(
            place,
            self._slack.moment(),
            place.workspace.bot_user_id,
            answer.get("text", ""),
            thread_ts=answer.get("thread_ts"),
            bot_id=place.workspace.bot_id,
            app_id=self._slack.app_id,
            blocks=blocks,
            mentions=pings(answer.get("text", ""), blocks),
            unfurl_links=answer.get("unfurl_links"),
            unfurl_media=answer.get("unfurl_media"),
        )
        if answer.get("response_type") == "in_channel":
            place.keep(message)
            self._slack.emit_message(message)
        else:
            message.seen_by = interaction.person.id
            self._slack.hidden[message.ts] = message

"""People using the platform's own forms: commands, menus, buttons, choices and modals."""

from __future__ import annotations

from typing import Any

from bot.testing.discord import shapes
from bot.testing.discord.components import walk
from bot.testing.discord.interactions import Asked, Interaction, Interactions
from bot.testing.discord.people import ANN, Upload
from bot.testing.discord.state import APPLICATION_ID, File, Json, Post, User
from bot.testing.discord.world import World

SUB_COMMAND, GROUP = 1, 2
USER, CHANNEL, ATTACHMENT = 6, 7, 11
MESSAGE_MENU = 3
STRING_SELECT = 3
FILE_BYTES = 10 * 1024 * 1024


class Asking:
    """Each call returns the interaction that holds what the bot answers."""

    world: World
    interactions: Interactions
    general_id: int

    def slash(
        self,
        name: str,
        options: dict[str, Any] | None = None,
        *,
        channel: int | None = None,
        author: str = ANN,
        sub: str | None = None,
    ) -> Interaction:
        """Use a slash command. `sub` is a sub-command, or a group and its sub-command.

        An option of a person is a name, of a file (name, bytes, media type).
        """
        command, form = self._form(name, sub)
        given = options or {}
        missing = [each["name"] for each in form if each.get("required") and each["name"] not in given]
        if missing:
            raise ValueError(f"/{name} needs {', '.join(missing)}")
        body: Json = {"id": command["id"], "name": name, "type": 1}
        resolved: Json = {}
        filled = [self._option(form, each, value, resolved) for each, value in given.items()]
        body["options"] = _nest(filled, sub)
        if resolved:
            body["resolved"] = resolved
        return self._ask(Asked.COMMAND, body, author, channel)

    def autocomplete(
        self,
        name: str,
        option: str,
        typed: str,
        *,
        options: dict[str, Any] | None = None,
        channel: int | None = None,
        author: str = ANN,
        sub: str | None = None,
    ) -> Interaction:
        """Type into an option of a slash command; `options` are those filled before."""
        command, form = self._form(name, sub)
        if not _named(form, option).get("autocomplete"):
            raise ValueError(f"/{name} offers no choices while one types {option}")
        filled = [self._option(form, each, value, {}) for each, value in (options or {}).items()]
        focused = {"name": option, "type": _named(form, option)["type"], "value": typed, "focused": True}
        body: Json = {"id": command["id"], "name": name, "type": 1, "options": _nest([*filled, focused], sub)}
        return self._ask(Asked.AUTOCOMPLETE, body, author, channel)

    def message_command(self, name: str, message_id: int, *, author: str = ANN) -> Interaction:
        """Use a command from a message's menu."""
        post = self.world.state.post(message_id)
        command = self._command(name, MESSAGE_MENU)
        target = shapes.post_json(post, self.world.state)
        body: Json = {"id": command["id"], "name": name, "type": MESSAGE_MENU, "target_id": str(post.id)}
        body["resolved"] = {"messages": {str(post.id): target}}
        return self._ask(Asked.COMMAND, body, author, post.channel_id)

    def press(self, message_id: int, custom_id: str, *, author: str = ANN) -> Interaction:
        """Press a button. Raises LookupError where there is none, ValueError where it is disabled."""
        return self._touch(message_id, custom_id, author, {})

    def choose(self, message_id: int, custom_id: str, values: list[str], *, author: str = ANN) -> Interaction:
        """Choose from a menu. Raises ValueError for what it does not offer."""
        return self._touch(message_id, custom_id, author, {"values": values})

    def submit(self, interaction: Interaction, values: dict[str, Any]) -> Interaction:
        """Send the modal that an interaction opened; values by their custom ids, lists for menus."""
        if interaction.modal is None:
            raise ValueError("no modal was opened")
        rows = [_filled(each, values) for each in interaction.modal["components"]]
        body: Json = {"custom_id": interaction.modal["custom_id"], "components": rows}
        name = interaction.author.name
        return self._ask(
            Asked.MODAL, body, name, interaction.channel_id, source=interaction.source, trigger=interaction
        )

    def expire(self, interaction: Interaction) -> None:
        """Its fifteen minutes are over: its token works no more."""
        interaction.is_expired = True

    def _touch(self, message_id: int, custom_id: str, author: str, more: Json) -> Interaction:
        post = self.world.state.post(message_id)
        component = next((each for each in walk(post.components) if each.get("custom_id") == custom_id), None)
        if component is None:
            raise LookupError(f"message {message_id} has nothing named {custom_id}")
        if component.get("disabled"):
            raise ValueError(f"{custom_id} is disabled")
        _check_choice(component, more.get("values"))
        body: Json = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
        return self._ask(Asked.COMPONENT, body | more, author, post.channel_id, source=post)

    def _ask(
        self,
        kind: Asked,
        body: Json,
        author: str,
        channel: int | None,
        *,
        source: Post | None = None,
        trigger: Interaction | None = None,
    ) -> Interaction:
        user = self.world.state.person(author)
        place = self.general_id if channel is None else channel
        interaction = self.interactions.open(kind, user, place, source)
        interaction.trigger = trigger
        interaction.body = self._body(interaction, body)
        self.world.tell("INTERACTION_CREATE", interaction.body, self.world.guild_of(place))
        return interaction

    def _body(self, interaction: Interaction, body: Json) -> Json:
        state = self.world.state
        channel = state.channels[interaction.channel_id]
        told: Json = {
            "id": str(interaction.id),
            "application_id": str(APPLICATION_ID),
            "type": int(interaction.kind),
            "token": interaction.token,
            "version": 1,
            "data": body,
            "channel": shapes.channel_json(channel, state) | {"permissions": shapes.PERMISSIONS},
            "channel_id": str(channel.id),
            "locale": "en-US",
            "entitlements": [],
            "app_permissions": shapes.PERMISSIONS,
            "attachment_size_limit": FILE_BYTES,
        }
        if interaction.source is not None:
            told["message"] = shapes.post_json(interaction.source, state)
        return told | self._context(interaction.author, channel.guild_id)

    def _context(self, user: User, guild_id: int | None) -> Json:
        if guild_id is None:
            owners = {"0": "0"}
            return {"context": 1, "user": shapes.user_json(user), "authorizing_integration_owners": owners}
        member = shapes.member_json(user, guild_id) | {"permissions": shapes.PERMISSIONS}
        return {
            "context": 0,
            "guild_id": str(guild_id),
            "guild_locale": "en-US",
            "guild": {"id": str(guild_id), "locale": "en-US", "features": []},
            "member": member,
            "authorizing_integration_owners": {"0": str(guild_id)},
        }

    def _command(self, name: str, kind: int) -> Json:
        for command in self.world.state.commands:
            if (command["name"], command["type"]) == (name, kind):
                return command
        raise LookupError(f"no command {name!r} is registered")

    def _form(self, name: str, sub: str | None) -> tuple[Json, list[Json]]:
        command = self._command(name, 1)
        form: list[Json] = command.get("options") or []
        for word in (sub or "").split():
            form = _named(form, word).get("options") or []
        if any(each["type"] in (SUB_COMMAND, GROUP) for each in form):
            raise LookupError(f"/{name} {sub or ''} needs a sub-command")
        return command, form

    def _option(self, form: list[Json], name: str, value: Any, resolved: Json) -> Json:
        kind = _named(form, name)["type"]
        if kind == USER:
            value = self._resolve_user(value, resolved)
        elif kind == ATTACHMENT:
            value = self._resolve_file(value, resolved)
        elif kind == CHANNEL:
            channel = shapes.channel_json(self.world.state.channels[value], self.world.state)
            resolved.setdefault("channels", {})[str(value)] = channel | {"permissions": shapes.PERMISSIONS}
            value = str(value)
        return {"name": name, "type": kind, "value": value}

    def _resolve_user(self, name: str, resolved: Json) -> str:
        user = self.world.state.person(name)
        resolved.setdefault("users", {})[str(user.id)] = shapes.user_json(user)
        return str(user.id)

    def _resolve_file(self, upload: Upload, resolved: Json) -> str:
        file = File(self.world.state.snowflake(), *upload)
        self.world.state.files[file.id] = file
        resolved.setdefault("attachments", {})[str(file.id)] = shapes.file_json(file, self.general_id)
        return str(file.id)


def _named(form: list[Json], name: str) -> Json:
    for option in form:
        if option["name"] == name:
            return option
    raise LookupError(f"no option {name!r} is registered")


def _nest(options: list[Json], sub: str | None) -> list[Json]:
    words = (sub or "").split()
    for depth, word in enumerate(reversed(words)):
        options = [{"name": word, "type": GROUP if depth else SUB_COMMAND, "options": options}]
    return options


def _check_choice(component: Json, values: list[str] | None) -> None:
    if (component["type"] == 2) != (values is None):
        raise ValueError(f"{component['custom_id']} is {'a button' if values else 'a menu'}")
    if component["type"] != STRING_SELECT or values is None:
        return
    offered = {each["value"] for each in component["options"]}
    fits = component["min_values"] <= len(values) <= component["max_values"]
    if not fits or not offered.issuperset(values):
        raise ValueError(f"{component['custom_id']} offers {sorted(offered)}")


def _filled(component: Json, values: dict[str, Any]) -> Json:
    """A modal's component as it is sent back, with what was entered."""
    shape: Json = {"type": component["type"], "id": component.get("id") or 0}
    if component.get("components"):
        return shape | {"components": [_filled(each, values) for each in component["components"]]}
    if component.get("component"):
        return shape | {"component": _filled(component["component"], values)}
    if "custom_id" not in component:
        return shape
    entered = values.get(component["custom_id"], component.get("value") or "")
    key = "values" if isinstance(entered, list) else "value"
    if component.get("required", True) and not entered:
        raise ValueError(f"{component['custom_id']} is required")
    return shape | {"custom_id": component["custom_id"], key: entered}

"""Buttons, menus and layouts: checked as Discord checks them, and answered as Discord answers them."""

from __future__ import annotations

from collections.abc import Iterator

from bot.testing.discord.api import invalid
from bot.testing.discord.shapes import file_json
from bot.testing.discord.state import File, Json

ROWS = 5
BUTTONS = 5
CUSTOM_ID_CHARACTERS = 100
ROW, LABEL, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 1, 18, 11, 12, 13, 14, 17
MENU: Json = {"min_values": 1, "max_values": 1}
DEFAULTS: dict[int, Json] = {
    **dict.fromkeys((3, 5, 6, 7, 8), MENU),
    THUMBNAIL: {"description": None, "spoiler": False},
    FILE: {"name": None, "size": None, "spoiler": False},
    SEPARATOR: {"spacing": 1, "divider": True},
    CONTAINER: {"accent_color": None, "spoiler": False},
}


def walk(components: list[Json]) -> Iterator[Json]:
    """Each component and those inside it."""
    for each in components:
        yield each
        inside = [*(each.get("components") or []), each.get("accessory"), each.get("component")]
        yield from walk([part for part in inside if part])


def check_components(components: list[Json]) -> None:
    """Refuse rows, buttons and ids that Discord would not take. Raises Denied."""
    every = list(walk(components))
    rows = [each for each in every if each["type"] == ROW]
    if len(components) > ROWS and rows == components:
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {ROWS} in length.")
    if any(len(each["components"]) not in range(1, BUTTONS + 1) for each in rows):
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {BUTTONS} in length.")
    check_custom_ids(every)


def check_custom_ids(components: list[Json]) -> None:
    """Refuse ids that are double, empty or too long. Raises Denied."""
    ids = [each["custom_id"] for each in components if each.get("custom_id") is not None]
    if len(set(ids)) < len(ids):
        raise invalid("components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Custom id cannot be duplicated")
    if any(len(each) not in range(1, CUSTOM_ID_CHARACTERS + 1) for each in ids):
        message = f"Must be between 1 and {CUSTOM_ID_CHARACTERS} in length."
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", message)


class Answered:
    """Components as Discord answers them: numbered, with defaults, without nulls, media with addresses."""

    def __init__(self, components: list[Json], files: list[File], channel_id: int) -> None:
        taken = {each["id"] for each in walk(components) if each.get("id")}
        self._numbers = (number for number in range(1, 1000) if number not in taken)
        self._media = {f"attachment://{each.name}": file_json(each, channel_id) for each in files}
        self.components = [self._component(each) for each in components]

    def _component(self, asked: Json) -> Json:
        given = {key: value for key, value in asked.items() if value is not None}
        shown = DEFAULTS.get(asked["type"], {}) | given
        shown["id"] = given.get("id") or next(self._numbers)
        for key in ("accessory", "component"):
            if key in shown:
                shown[key] = self._component(shown[key])
        if "components" in shown:
            shown["components"] = [self._component(each) for each in shown["components"]]
        if "items" in shown:
            shown["items"] = [self._item(each) for each in shown["items"]]
        for key in ("media", "file"):
            if key in shown:
                shown[key] = self._address(shown[key])
        return shown

    def _item(self, item: Json) -> Json:
        given = {key: value for key, value in item.items() if value is not None}
        return {"description": None, "spoiler": False} | given | {"media": self._address(item["media"])}

    def _address(self, media: Json) -> Json:
        """An attachment's or a link's address; what has one already keeps it."""
        if media["url"] not in self._media:
            return {"id": "1", "proxy_url": media["url"]} | media
        file = self._media[media["url"]]
        kept = {key: file[key] for key in ("id", "url", "proxy_url", "content_type")}
        return kept | {"attachment_id": file["id"]}

"""Write the reference from the code: `python docs/reference/generate.py`. A test compares the pages."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union

from pydantic import SecretStr

import bot
from bot import hookspecs
from bot.loader import load_plugins
from bot.settings import PREFIX, ChannelRule, ModelSettings, Section, Settings
from bot.toml import sample

HERE = Path(__file__).parent
SAMPLE = HERE.parent.parent / "config" / "sample.toml"
WIDTH = 100
NOTE = "<!-- Written by docs/reference/generate.py; do not edit. -->"
WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
}
UNDESCRIBED = {
    "Word": 'One word of text, even in last place: `topic: Word = ""`.',
    "hookimpl": "Marks a function as the implementation of the hook of its name.",
}
LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "max_length": "length ≤"}


def settings_page() -> str:
    """Every setting: key, environment variable, type, default and meaning."""
    lines = [
        "# Settings",
        NOTE,
        "",
        "Sections are TOML tables. `config/sample.toml` holds them all with their defaults.",
        "An environment variable wins over the file. Lists are written as JSON there.",
        "",
        "## At the top of the file",
        "",
    ]
    tops = {name: each for name, each in Settings.model_fields.items() if not _is_section(each.annotation)}
    lines += _table((name, f"{PREFIX}{name.upper()}", each) for name, each in tops.items())
    for name, each in Settings.model_fields.items():
        if _is_section(each.annotation):
            lines += _section(f"[{name}]", each.annotation, f"{PREFIX}{name.upper()}__")
    lines += _section("[models.ROLE]", ModelSettings, f"{PREFIX}MODELS__ROLE__")
    lines += _section("[[channels]]", ChannelRule, None)
    for name, plugin in sorted(load_plugins(Settings.model_construct()).found.items()):
        for section in plugin.settings:
            lines += _section(f"[plugin.{name}]", section, None)
    return "\n".join(lines) + "\n"


def hooks_page() -> str:
    """Every hook with its exact signature."""
    lines = ["# Hooks", NOTE, "", *(inspect.getdoc(hookspecs) or "").splitlines()]
    lines += ["", "Mark an implementation with `@hookimpl`. It may take fewer arguments than the hook has."]
    for name, hook in hooks().items():
        lines += ["", f"## {name}", "", "```python", f"{_signature(name, hook)}: ...", "```", ""]
        lines += (inspect.getdoc(hook) or "").splitlines()
    return "\n".join(lines) + "\n"


def hooks() -> dict[str, Callable[..., object]]:
    """The hooks, in the order of their declaration."""
    return {
        name: each for name, each in vars(hookspecs).items() if hasattr(each, f"{hookspecs.PROJECT}_spec")
    }


def face_page() -> str:
    """Everything that `bot` offers to plugins, each with its docstring."""
    lines = [
        "# What a plugin may import",
        NOTE,
        "",
        "All of it from `bot`: `from bot import Context, skill`.",
    ]
    for name in bot.__all__:
        lines += ["", f"## {name}", "", *_described(name, getattr(bot, name))]
    return "\n".join(lines) + "\n"


def command_line_page() -> str:
    """The help of every command."""
    from typer.main import get_command

    from bot.cli import app

    lines = ["# Command line", NOTE, "", "Exit status: 0 done, 1 failed, 2 bad input (one clear line on"]
    lines += ["standard error), 3 the database is damaged.", ""]
    for path, text in _helps(get_command(app), "parley", None):
        lines += [f"## {path}", "", "```text", text, "```", ""]
    return "\n".join(lines)


PAGES: dict[Path, Callable[[], str]] = {
    HERE / "settings.md": settings_page,
    HERE / "hooks.md": hooks_page,
    HERE / "public-face.md": face_page,
    HERE / "command-line.md": command_line_page,
    SAMPLE: sample,
}


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _section(heading: str, section: Any, prefix: str | None) -> list[str]:
    rows = (
        (name, None if prefix is None else f"{prefix}{name.upper()}", each)
        for name, each in section.model_fields.items()
    )
    return ["", f"## {heading}", "", inspect.getdoc(section) or "", "", *_table(rows)]


def _table(rows: Iterator[tuple[str, str | None, Any]]) -> list[str]:
    lines = []
    for name, variable, each in rows:
        default = "required" if each.is_required() else f"default {_plain(each.default)}"
        notes = [
            _kind(each.annotation),
            *_limits(each.metadata),
            default,
            *([f"`{variable}`"] if variable else []),
        ]
        lines.append(f"- **`{name}`** ({', '.join(notes)}): {each.description}")
    return lines


def _plain(value: object) -> str:
    if value in (None, "", (), SecretStr("")):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str | Path) else f"`{value}`"


def _kind(annotation: Any) -> str:
    if annotation in WORDS:
        return WORDS[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(f'"{each}"' for each in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(each) for each in inner if each is not types.NoneType)
    if origin is tuple:
        return "list of tables" if _is_section(inner[0]) else f"list of {_kind(inner[0])}s"
    return "table"


def _limits(metadata: list[Any]) -> list[str]:
    return [
        f"{words} {getattr(each, name)}"
        for each in metadata
        for name, words in LIMITS.items()
        if getattr(each, name, None) is not None
    ]


def _signature(name: str, function: Callable[..., object]) -> str:
    keyword = "async def" if inspect.iscoroutinefunction(function) else "def"
    quoted = f"{keyword} {name}{inspect.signature(function)}"
    written = re.sub(r"('')|'([^']+)'", lambda found: found[1] or found[2], quoted)
    return re.sub(r"<([\w.]+): \w+>", r"\1", written)


def _described(name: str, value: Any) -> list[str]:
    lines = []
    if inspect.isfunction(value):
        lines += ["```python", *(f"{_signature(name, each)}: ..." for each in _overloads(value)), "```", ""]
    lines += (UNDESCRIBED.get(name) or inspect.getdoc(value) or "").splitlines()
    if isinstance(value, type) and issubclass(value, Enum):
        lines += ["", ", ".join(f"`{each.name}`" for each in value)]
    elif isinstance(value, type):
        lines += _members(value)
    return lines


def _overloads(function: Callable[..., object]) -> list[Callable[..., object]]:
    return list(typing.get_overloads(function)) or [function]


def _members(value: type) -> list[str]:
    lines = []
    if dataclasses.is_dataclass(value):
        lines += [f"- `{each.name}: {each.type}`" for each in dataclasses.fields(value)]
    for name, each in vars(value).items():
        function = each.fget if isinstance(each, property) else getattr(each, "__func__", each)
        if name.startswith("_") or not (inspect.isfunction(function) and inspect.getdoc(function)):
            continue
        shown = name if isinstance(each, property) else _signature(name, function)
        lines.append(f"- `{shown}`: {' '.join((inspect.getdoc(function) or '').split())}")
    return ["", *lines] if lines else []


def _helps(command: Any, path: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command,
        info_name=path.rpartition(" ")[2],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
    )
    yield path, command.get_help(context).strip()
    for name in sorted(getattr(command, "commands", {})):
        yield from _helps(command.commands[name], f"{path} {name}", context)


def main() -> None:
    """Write every page."""
    for page, text in PAGES.items():
        page.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()

"""Write settings as TOML: those in force, and the commented sample."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import SecretStr

from bot.settings import ModelSettings, Section, Settings


def show(settings: Settings) -> str:
    """The settings in force as TOML, passwords hidden."""
    return "\n".join(_sample_lines(settings, commented=False))


def sample() -> str:
    """Every setting with its description and default, commented out: the file in `config/`."""
    head = ["# Settings of parley. Every line is the default: remove '# ' to change one.", ""]
    return "\n".join(head + _sample_lines(Settings.model_construct(), commented=True))


def described(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Some settings as TOML, each under its description; those of the top stand under the name ''."""
    lines: list[str] = []
    for name, table in tables.items():
        section = type(getattr(Settings.model_construct(), name)) if name else Settings
        lines += ["", f"[{name}]"] if name else []
        for key, value in table.items():
            lines += [f"# {section.model_fields[key].description}", f"{key} = {_toml(value)}"]
    return "\n".join([*lines, ""])


def _sample_lines(settings: Settings, *, commented: bool) -> list[str]:
    mark = "# " if commented else ""
    lines: list[str] = []
    sections = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Section):
            sections.append((name, value))
        elif name not in ("models", "plugin", "channels"):
            lines += ([f"# {field.description}"] if commented else []) + [f"{mark}{name} = {_toml(value)}"]
    for name, section in sections:
        lines += ["", *([f"# {section.__doc__}"] if commented else []), f"[{name}]"]
        for key, field in type(section).model_fields.items():
            value = getattr(section, key)
            if not commented and _is_secret(value):
                lines += [f"# {key} is set and not shown"] if value else []
                continue
            lines += [f"# {field.description}"] if commented else []
            lines.append(f"# {key} =" if commented and value is None else f"{mark}{key} = {_toml(value)}")
    return lines + _table_lines(settings, commented=commented) + [""]


def _is_secret(value: object) -> bool:
    return isinstance(value, SecretStr) or (isinstance(value, tuple) and any(map(_is_secret, value)))


def _table_lines(settings: Settings, *, commented: bool) -> list[str]:
    if commented:
        return [
            "",
            f"# {ModelSettings.__doc__}",
            "# [models.sentiment]",
            *_model_lines(),
            "",
            "# Settings of a plugin stand in a table of its name; 'parley plugins' lists them.",
            "# [plugin.qa]",
            "# sentences = 2",
            "",
            "# What is switched off in some channels. Repeat the table for more rules.",
            "# [[channels]]",
            '# match = "web:*"',
            '# disable = ["ask"]',
        ]
    lines: list[str] = []
    for role, model in settings.models.items():
        chosen = model.model_dump(exclude_defaults=True)
        lines += ["", f"[models.{role}]", *(f"{key} = {_toml(value)}" for key, value in chosen.items())]
    for name, table in settings.plugin.items():
        lines += ["", f"[plugin.{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    for rule in settings.channels:
        lines += ["", "[[channels]]", f"match = {_toml(rule.match)}", f"disable = {_toml(rule.disable)}"]
    return lines


def _model_lines() -> list[str]:
    lines = []
    for key, field in ModelSettings.model_fields.items():
        value = "" if field.default is None else f" {_toml(field.default)}"
        lines += [f"# {field.description}", f"# {key} ={value}"]
    return lines


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(each) for each in value)}]"
    text = "" if value is None else _hide_password(str(value))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hide_password(text: str) -> str:
    return re.sub(r"(://[^/@:]*:)[^/@]+@", r"\1***@", text)

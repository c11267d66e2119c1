"""What is switched on in a channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.settings import ChannelRule
from bot.skills import Skill

REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Offer:
    """The skills of one conversation: by name and alias, and each once in order of name."""

    by_name: Mapping[str, Skill]
    in_order: tuple[Skill, ...]


class Access:
    """What each conversation is offered after the operator's channel rules."""

    def __init__(self, rules: tuple[ChannelRule, ...], skills: Mapping[str, Skill]) -> None:
        self._rules = rules
        self._skills = skills
        self._offers: dict[str, Offer] = {}

    def offer(self, conversation: str) -> Offer:
        """What may be asked for in `conversation`, a key such as `web:lobby`."""
        key = conversation if self._rules else ""
        if key not in self._offers:
            if len(self._offers) >= REMEMBERED:
                self._offers.clear()
            self._offers[key] = self._allowed(conversation)
        return self._offers[key]

    def is_off(self, conversation: str, *names: str) -> bool:
        """Whether a rule switches off one of these names, of a plugin and what it offers, there."""
        return bool(self._rules) and not self._off(conversation).isdisjoint(names)

    def _off(self, conversation: str) -> set[str]:
        return {
            name for rule in self._rules if fnmatchcase(conversation, rule.match) for name in rule.disable
        }

    def _allowed(self, conversation: str) -> Offer:
        off = self._off(conversation)
        allowed = {
            name: skill
            for name, skill in self._skills.items()
            if skill.name not in off and skill.plugin not in off
        }
        return Offer(allowed, tuple(allowed[name] for name in sorted(allowed) if allowed[name].name == name))

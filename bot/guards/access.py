"""Which skills are switched on in a channel."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from bot.settings import ChannelRule
from bot.skills import Skill

REMEMBERED = 4096


class Access:
    """The skills of each conversation, by name and alias, after the operator's channel rules."""

    def __init__(self, rules: tuple[ChannelRule, ...], skills: Mapping[str, Skill]) -> None:
        self._rules = rules
        self._skills = skills
        self._known: dict[str, Mapping[str, Skill]] = {}

    def skills_in(self, conversation: str) -> Mapping[str, Skill]:
        """What may be asked for in `conversation`, a key such as `web:lobby`."""
        if not self._rules:
            return self._skills
        if conversation not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[conversation] = self._allowed(conversation)
        return self._known[conversation]

    def _allowed(self, conversation: str) -> Mapping[str, Skill]:
        off = {name for rule in self._rules if fnmatchcase(conversation, rule.match) for name in rule.disable}
        return {
            name: skill
            for name, skill in self._skills.items()
            if skill.name not in off and skill.plugin not in off
        }

"""All versions of models, what has been live in each role, and every step that was taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from bot.catalogue.version import Figures, State, Step, Version, now, user
from bot.errors import BadInput
from bot.models import BUILT_IN

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Register:
    """A value: each change makes another one, with its step in the history.

    `lines` are the versions that were live in a role, one after the other; the last one is. Under the
    first lies what serves the role without the catalogue.
    """

    versions: Mapping[str, Version] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    history: tuple[Step, ...] = ()

    def version(self, name: str) -> Version:
        """The version of that name. Raises BadInput with those there are."""
        if name in self.versions:
            return self.versions[name]
        known = ", ".join(sorted(self.versions)) or "none yet; parley models add makes one"
        raise BadInput(f"There is no version {name!r} in the catalogue. There is: {known}.")

    def live(self, role: str) -> Version | None:
        """The version that is live in a role; None where none is."""
        line = self.lines.get(role, ())
        return self.versions[line[-1]] if line else None

    def shadow(self, role: str) -> Version | None:
        """The version that is asked beside the live one."""
        return next((each for each in self.of(role) if each.state is State.SHADOW), None)

    def of(self, role: str) -> tuple[Version, ...]:
        """The versions of a role, in the order in which they were added."""
        return tuple(each for each in self.versions.values() if each.role == role)

    def roles(self) -> frozenset[str]:
        """The roles that have versions."""
        return frozenset(each.role for each in self.versions.values())

    def with_added(self, version: Version) -> Register:
        """With a candidate. Raises BadInput for a name in use."""
        if version.name in self.versions:
            raise BadInput(f"The name {version.name!r} is in use. Choose another with --name.")
        return self._with(version)._noting(Step("add", version.role, version.name, reason=version.source))

    def with_figures(self, name: str, rows: str, figures: Figures) -> Register:
        """With what a version was measured to do on a file of rows."""
        version = self.version(name)
        measured = replace(version, figures={**version.figures, rows: figures})
        return self._with(measured)._noting(
            Step("check", version.role, name, version.state, figures={rows: figures})
        )

    def with_shadow(self, name: str) -> Register:
        """With a version as the one shadow of its role. Raises BadInput for the live one."""
        version = self.version(name)
        if version.state is State.LIVE:
            raise BadInput(f"{name} is live in {version.role}: it cannot be its own shadow.")
        changed = self
        if other := self.shadow(version.role):
            changed = changed._with(replace(other, state=self._resting(other)))
        changed = changed._with(replace(version, state=State.SHADOW))
        return changed._noting(Step("shadow", version.role, name, version.state))

    def without_shadow(self, name: str) -> Register:
        """With a shadow at rest. Raises BadInput for a version that is none."""
        version = self.version(name)
        if version.state is not State.SHADOW:
            raise BadInput(f"{name} is no shadow: it is {version.state}.")
        changed = self._with(replace(version, state=self._resting(version)))
        return changed._noting(Step("end shadow", version.role, name, version.state))

    def with_live(self, name: str, *, reason: str = "", figures: Figures | None = None) -> Register:
        """With a version live in its role. Raises BadInput when it is already."""
        version = self.version(name)
        if version.state is State.LIVE:
            raise BadInput(f"{name} is live already.")
        line = self.lines.get(version.role, ())
        step = Step("promote", version.role, name, self._live_name(version.role), reason, figures or {})
        return self._with_line(version.role, (*line, name))._noting(step)

    def refused(self, name: str, figures: Figures) -> Register:
        """With the note that a version was measured and not promoted."""
        version = self.version(name)
        return self._noting(Step("refuse", version.role, name, version.state, figures=figures))

    def rolled_back(self, role: str, is_whole: Callable[[Version], bool]) -> Register:
        """With what was live in a role before; versions whose files are not whole are passed over.

        Raises BadInput when nothing of the catalogue is live there.
        """
        line = self.lines.get(role, ())
        if not line:
            raise BadInput(
                f"No version of the catalogue is live in {role}: there is nothing to go back from."
            )
        left, passed = list(line[:-1]), []
        while left and not is_whole(self.versions[left[-1]]):
            passed.append(left.pop())
        reason = f"passed over, as their files are not whole: {', '.join(passed)}" if passed else ""
        step = Step("rollback", role, left[-1] if left else BUILT_IN, line[-1], reason)
        return self._with_line(role, tuple(left))._noting(step)

    def without(self, role: str, name: str) -> Register:
        """With a version forgotten, but for its steps in the history; on the way back it is passed over.

        Raises BadInput for one that is live or a shadow, and for one that the role does not have.
        """
        version = self.version(name)
        if version.role != role:
            raise BadInput(f"{name} is a version of {version.role}, not of {role}.")
        if version.state is State.LIVE:
            raise BadInput(
                f"{name} is live in {role}, so it stays. Promote another version first, or go back: "
                f"parley models rollback {role}"
            )
        if version.state is State.SHADOW:
            raise BadInput(
                f"{name} is the shadow of {role}, so it stays. First end that: parley models shadow {name} "
                "--off"
            )
        left = {each: version for each, version in self.versions.items() if each != name}
        line = _without_repeats(each for each in self.lines.get(role, ()) if each != name)
        changed = replace(self, versions=left, lines={**self.lines, role: line})
        return changed._noting(Step("remove", role, name, version.state))

    def was_removed(self, role: str, name: str) -> bool:
        """Whether there was such a version, and there is none now."""
        return name not in self.versions and any(
            (step.action, step.role, step.name) == ("remove", role, name) for step in self.history
        )

    def packed(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {
            "format": FORMAT,
            "versions": [each.packed() for each in self.versions.values()],
            "lines": {role: list(line) for role, line in self.lines.items()},
            "history": [each.packed() for each in self.history],
        }

    @classmethod
    def unpacked(cls, fields: Mapping[str, Any]) -> Register:
        """The register of `packed`. Raises what a mapping raises for nonsense."""
        if fields["format"] != FORMAT:
            raise ValueError(f"format {fields['format']}")
        versions = {each["name"]: Version.unpacked(each) for each in fields["versions"]}
        lines = {role: tuple(line) for role, line in fields["lines"].items()}
        if unknown := {name for line in lines.values() for name in line} - versions.keys():
            raise ValueError(f"no version {min(unknown)}")
        return cls(versions, lines, tuple(map(Step.unpacked, fields["history"])))

    def _live_name(self, role: str) -> str:
        live = self.live(role)
        return live.name if live else BUILT_IN

    def _resting(self, version: Version) -> State:
        """What a version is that is neither live nor a shadow."""
        steps = [step.action for step in self.history if step.name == version.name]
        since_added = steps[max((place for place, each in enumerate(steps) if each == "add"), default=0) :]
        return State.RETIRED if "promote" in since_added else State.CANDIDATE

    def _with(self, version: Version) -> Register:
        return replace(self, versions={**self.versions, version.name: version})

    def _with_line(self, role: str, line: tuple[str, ...]) -> Register:
        before = self.live(role)
        changed = replace(self, lines={**self.lines, role: line})
        if before:
            changed = changed._with(replace(before, state=State.RETIRED))
        if live := changed.live(role):
            changed = changed._with(replace(live, state=State.LIVE))
        return changed

    def _noting(self, step: Step) -> Register:
        return replace(self, history=(*self.history, replace(step, at=now(), who=user())))


def _without_repeats(line: Iterable[str]) -> tuple[str, ...]:
    """Names one after the other, none twice in a row: who goes back arrives somewhere else."""
    return tuple(name for name, _ in groupby(line))

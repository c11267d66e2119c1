"""What `parley models check` and `promote` do behind their options: try, measure, decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.models_shown import serving_note
from bot.cli.options import print_json

if TYPE_CHECKING:
    from bot.catalogue.registry import Registry
    from bot.catalogue.version import Version
    from bot.settings import Settings
    from bot.training.measures.promotion import Verdict


async def tried(
    settings: Settings, registry: Registry, version: Version, data: Path | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The labels of a version that answers, and its figures where there are rows. Raises a ParleyError."""
    from bot.cli.measuring import progress_bar
    from bot.training.measures.promotion import check_measurable, figures_of, labelling_of
    from bot.training.measures.trial import answers_of, opened, try_out
    from bot.training.rows.data import read_examples

    if data:
        check_measurable(version.role, version.task)
    examples = read_examples([data], labelling_of(version.role)) if data else []
    async with opened(settings, version, registry) as models:
        labels = await try_out(models, version.role, version.task)
        if not examples:
            return labels, {}
        with progress_bar() as show:
            answers = await answers_of(
                models, version.role, examples, advance=lambda done, total: show("texts", done, total)
            )
    return labels, figures_of(examples, answers)


async def judged(
    settings: Settings,
    registry: Registry,
    version: Version,
    data: Path | None,
    *,
    slices: Sequence[Path],
    floors: Mapping[str, float],
) -> Verdict | None:
    """What the gates say; None where nothing is to be measured, and the version only answers."""
    from bot.cli.measuring import progress_bar
    from bot.training.measures.promotion import check_measurable, judge_version
    from bot.training.measures.trial import candidate_role, opened, opened_beside, try_out

    if data is None:
        async with opened(settings, version, registry) as models:
            await try_out(models, version.role, version.task)
        return None
    check_measurable(version.role, version.task)
    async with opened_beside(settings, version, registry) as models:
        await try_out(models, candidate_role(version.role), version.task)
        with progress_bar() as show:
            return await judge_version(
                models,
                version.role,
                data,
                slices,
                floors=floors,
                advance=lambda name: lambda done, total: show(name, done, total),
            )


def decide(
    settings: Settings,
    registry: Registry,
    version: Version,
    verdict: Verdict | None,
    *,
    reason: str,
    json: bool,
) -> None:
    """Let the version go live, or say why not and end with 1."""
    from bot.errors import ParleyError

    shown = verdict.shown() if verdict else {}
    if verdict and not verdict.passed and not reason:
        registry.change(lambda register: register.refused(version.name, shown))
    else:
        registry.change(lambda register: register.with_live(version.name, reason=reason, figures=shown))
    is_live = bool(verdict is None or verdict.passed or reason)
    if json:
        print_json({"name": version.name, "role": version.role, "promoted": is_live, **shown})
    elif is_live:
        print(f"{version.name} is live in {version.role}.")
        print(serving_note(settings, version.role))
    if not is_live and verdict:
        raise ParleyError(
            f"{version.name} stays {version.state}: {verdict.failed}. --force REASON lets it go live all the "
            "same."
        )

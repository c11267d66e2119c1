"""How `parley models` shows what it has to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.cli.options import print_table

if TYPE_CHECKING:
    from bot.catalogue.agreement import Agreement
    from bot.catalogue.overview import Row
    from bot.catalogue.version import Step, Version
    from bot.settings import Settings
    from bot.training.measures.promotion import Verdict

SHORT_SUM = 12
NOTHING = "nothing"


def print_models(rows: Sequence[Row]) -> None:
    """What serves each role, and its other versions below it."""
    for row in rows:
        is_first = row.serves or row.origin == NOTHING
        named = f"{row.role}: {row.name}" if is_first else f"  {row.name}"
        how = row.origin if is_first else row.state
        print(f"{named} ({how})" if row.origin != NOTHING else f"{row.role}: nothing serves it")
        print(f"    {', '.join(_facts(row))}")


def _facts(row: Row) -> list[str]:
    agreement = row.agreement
    facts = [
        row.task,
        ",".join(row.languages),
        f"{row.bytes / 1e6:.1f} MB" if row.bytes else "",
        f"sha256 {row.sha256[:SHORT_SUM]}" if row.sha256 else "",
        f"licence {row.licence}" if row.licence else "",
        f"agrees on {agreement.share:.1%} of {agreement.texts} texts"
        if agreement and agreement.share is not None
        else "",
    ]
    return [each for each in facts if each]


def print_check(version: Version, labels: Sequence[str], figures: Mapping[str, Any]) -> None:
    """What a check has found."""
    print(f"{version.name} is whole, loads and answers in {version.role}.")
    if labels:
        print(f"Its labels: {', '.join(labels)}.")
    if figures:
        print()
        print_table(["figure", "value"], [[name, str(value)] for name, value in figures.items()])


def print_agreement(agreement: Agreement) -> None:
    """How often a shadow answered as the live model did, and where it did not."""
    share = "none yet" if agreement.share is None else f"{agreement.share:.1%} of {agreement.texts} texts"
    print(f"\nAs {agreement.against} answers: {share}; {agreement.failed} without an answer in time.")
    labels = sorted({*agreement.confusion, *(name for row in agreement.confusion.values() for name in row)})
    if labels:
        rows = [
            [name, *(str(agreement.confusion.get(name, {}).get(other, 0)) for other in labels)]
            for name in labels
        ]
        print_table(["live \\ shadow", *labels], rows)


def print_verdict(verdict: Verdict) -> None:
    """Each gate: the number, the live model's, what was wanted, and whether it passed."""
    heads = ["figure", "version", "live", "wanted", "p", ""]
    rows = [
        [
            each.name,
            _number(each.value),
            _number(each.live),
            each.wanted,
            _number(each.p),
            "passed" if each.passed else "FAILED",
        ]
        for each in verdict.gates
    ]
    print_table(heads, rows)


def print_history(steps: Sequence[Step]) -> None:
    """One line for each step, the latest last."""
    heads = ["when", "who", "step", "role", "version", "before", "why"]
    print_table(
        heads,
        [[each.at, each.who, each.action, each.role, each.name, each.before, each.reason] for each in steps],
    )


def serving_note(settings: Settings, role: str) -> str:
    """What is to be done, or not, so that a change takes effect."""
    from bot.catalogue.serving import names_in_settings
    from bot.models import CHAT, EMBEDDING, TRANSLATION

    if names_in_settings(role, settings):
        return f"The settings name another model in [models.{role}], which serves as long as they do."
    if role == EMBEDDING:
        return (
            "Restart parley for it. Vectors of different models cannot be compared: remove the documents "
            "and add them again."
        )
    if settings.worker.addresses:
        return "Workers elsewhere have data folders of their own: promote it there, and restart them."
    if settings.endpoint.url and role in (CHAT, TRANSLATION):
        return "Restart parley for it."
    return "A running parley takes it over within seconds; a 'parley worker' is to be restarted."


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"

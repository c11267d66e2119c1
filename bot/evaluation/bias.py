"""Whether a classifier errs more often on texts that name a group of people: identity-term gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bot.errors import BadInput
from bot.evaluation.classification import area_under_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.evaluation.calibration import Floats

    Flags = NDArray[np.bool_]

LEAST = 20
POWER = -5.0


@dataclass(frozen=True, slots=True)
class TermFigures:
    """How a classifier does on the texts that use a term. What too few texts say is None.

    The areas under the curve are those of Borkan et al. (2019), Nuanced Metrics for Measuring Unintended
    Bias. `auc`: within the term's texts. `bpsn`: its harmless texts against all others' harmful ones; low
    when harmless texts are flagged because of the term. `bnsp`: its harmful texts against all others'
    harmless ones; low when harm is overlooked because of the term. `fpr_gap` and `fnr_gap` are the rates
    less those of all texts.
    """

    term: str
    n: int
    auc: float | None
    bpsn: float | None
    bnsp: float | None
    fpr: float | None
    fnr: float | None
    fpr_gap: float | None
    fnr_gap: float | None


@dataclass(frozen=True, slots=True)
class BiasFigures:
    """The whole, each term, and what sums them up.

    `worst_fpr_gap` is the gap farthest from 0 and `worst_fpr_term` its term; `fpr_gaps` is the mean
    distance from 0. `subgroup_auc`, `bpsn_auc` and `bnsp_auc` are power means of the terms' with exponent
    -5, near the worst; `bias_auc` is the mean of these and of `auc`.
    """

    n: int
    auc: float | None
    fpr: float | None
    fnr: float | None
    worst_fpr_gap: float | None
    worst_fpr_term: str
    fpr_gaps: float | None
    subgroup_auc: float | None
    bpsn_auc: float | None
    bnsp_auc: float | None
    bias_auc: float | None
    terms: tuple[TermFigures, ...]


def gaps(
    gold: Flags, scores: Floats, groups: Mapping[str, Flags], *, threshold: float = 0.5, least: int = LEAST
) -> BiasFigures:
    """How a classifier's scores treat texts of each group, against all texts.

    `gold` says which texts are harmful, `scores` are the probabilities that they are, `groups` says of
    each term which texts use it; all are in the same order. A text is flagged from `threshold` on. Rates
    stand on at least `least` texts. Raises BadInput when no term is in so many texts.
    """
    gold, scores = np.asarray(gold, dtype=bool), np.asarray(scores, dtype=float)
    members = {term: np.asarray(group, dtype=bool) for term, group in groups.items()}
    flagged = scores >= threshold
    whole = _rates(gold, flagged, least=1)
    terms = tuple(
        _of_term(term, group, gold, scores, flagged, whole=whole, least=least)
        for term, group in members.items()
        if group.sum() >= least
    )
    if not terms:
        raise BadInput(f"No term occurs in {least} texts or more: give more rows, other terms or --least.")
    return _summed_up(gold, scores, whole, terms)


def power_mean(values: list[float], power: float = POWER) -> float | None:
    """The generalised mean; with a power below 0 it is near the smallest. None of no values."""
    if not values:
        return None
    powers = np.maximum(np.array(values), 1e-6) ** power
    return round(float(powers.mean() ** (1 / power)), 4)


def _summed_up(
    gold: Flags,
    scores: Floats,
    whole: tuple[float | None, float | None],
    terms: tuple[TermFigures, ...],
) -> BiasFigures:
    apart = [(each.fpr_gap, each.term) for each in terms if each.fpr_gap is not None]
    worst, term = max(apart, key=lambda each: (abs(each[0]), each[0]), default=(None, ""))
    auc = _area(scores, gold, least=1)
    means = [
        power_mean([value for each in terms if (value := getattr(each, name)) is not None])
        for name in ("auc", "bpsn", "bnsp")
    ]
    known = [each for each in (auc, *means) if each is not None]
    return BiasFigures(
        n=len(gold),
        auc=auc,
        fpr=whole[0],
        fnr=whole[1],
        worst_fpr_gap=worst,
        worst_fpr_term=term,
        fpr_gaps=round(float(np.mean([abs(gap) for gap, _ in apart])), 4) if apart else None,
        subgroup_auc=means[0],
        bpsn_auc=means[1],
        bnsp_auc=means[2],
        bias_auc=round(sum(known) / len(known), 4) if known else None,
        terms=terms,
    )


def _of_term(
    term: str,
    group: Flags,
    gold: Flags,
    scores: Floats,
    flagged: Flags,
    *,
    whole: tuple[float | None, float | None],
    least: int,
) -> TermFigures:
    fpr, fnr = _rates(gold[group], flagged[group], least=least)
    bpsn, bnsp = (group & ~gold) | (~group & gold), (group & gold) | (~group & ~gold)
    return TermFigures(
        term=term,
        n=int(group.sum()),
        auc=_area(scores[group], gold[group], least=least),
        bpsn=_area(scores[bpsn], gold[bpsn], least=least),
        bnsp=_area(scores[bnsp], gold[bnsp], least=least),
        fpr=fpr,
        fnr=fnr,
        fpr_gap=_less(fpr, whole[0]),
        fnr_gap=_less(fnr, whole[1]),
    )


def _rates(gold: Flags, flagged: Flags, *, least: int) -> tuple[float | None, float | None]:
    """The shares of harmless texts that are flagged and of harmful ones that are not."""
    harmless, harmful = flagged[~gold], ~flagged[gold]
    return _share(harmless, least), _share(harmful, least)


def _share(flags: Flags, least: int) -> float | None:
    return round(float(flags.mean()), 4) if len(flags) >= least else None


def _area(scores: Floats, gold: Flags, *, least: int) -> float | None:
    if min(gold.sum(), (~gold).sum()) < least:
        return None
    return round(area_under_curve(scores, gold), 4)


def _less(rate: float | None, whole: float | None) -> float | None:
    return None if rate is None or whole is None else round(rate - whole, 4)

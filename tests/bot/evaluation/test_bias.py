"""Gaps of identity terms, from scores whose gaps are known by hand."""

import numpy as np
import pytest

from bot.errors import BadInput
from bot.evaluation.bias import gaps, power_mean
from bot.evaluation.bias_chart import draw_gaps
from bot.evaluation.identities import identity_terms, terms_in


@pytest.fixture
def biased():
    """80 texts, half of them harmful; those of "them" are flagged whatever they say."""
    gold = np.tile([True, False], 40)
    them = np.arange(80) < 40
    scores = np.where(gold, 0.9, 0.1) + np.where(them & ~gold, 0.7, 0.0)
    return gold, scores, {"them": them, "us": ~them, "few": np.arange(80) < 3}


def test_harmless_texts_of_a_term_are_flagged_more_often(biased):
    figures = gaps(*biased)
    them, us = figures.terms
    assert (figures.n, figures.fpr, figures.fnr, figures.auc) == (80, 0.5, 0.0, 1.0)
    assert (them.term, them.n, them.fpr, them.fpr_gap) == ("them", 40, 1.0, 0.5)
    assert (us.fpr, us.fpr_gap, us.fnr_gap) == (0.0, -0.5, 0.0)
    assert (figures.worst_fpr_gap, figures.worst_fpr_term, figures.fpr_gaps) == (0.5, "them", 0.5)


def test_areas_tell_flagging_from_overlooking():
    gold = np.tile([True, False], 40)
    them = np.arange(80) < 40
    flagged = gaps(gold, np.where(gold, 0.6, 0.1) + 0.55 * (them & ~gold), {"them": them})
    overlooked = gaps(gold, np.where(gold, 0.6, 0.1) - 0.55 * (them & gold), {"them": them})
    assert (flagged.terms[0].bpsn, flagged.terms[0].bnsp) == (0.0, 1.0)
    assert (overlooked.terms[0].bpsn, overlooked.terms[0].bnsp) == (1.0, 0.0)
    assert flagged.bpsn_auc is not None
    assert flagged.bpsn_auc < 0.01
    assert flagged.bnsp_auc == 1.0


def test_a_fair_classifier_has_no_gaps(biased):
    gold, _, groups = biased
    figures = gaps(gold, np.where(gold, 0.9, 0.1), groups)
    assert (figures.worst_fpr_gap, figures.bias_auc) == (0.0, 1.0)


def test_rates_of_too_few_texts_are_not_given(biased):
    gold, scores, groups = biased
    term = gaps(gold, scores, {"some": np.arange(80) < 22}).terms[0]
    assert (term.n, term.fpr, term.auc) == (22, None, None)
    assert len(gaps(gold, scores, groups, least=1).terms) == 3
    with pytest.raises(BadInput, match="No term occurs in 20 texts"):
        gaps(gold, scores, {"few": groups["few"]})


def test_the_power_mean_is_near_the_worst():
    assert power_mean([0.5, 1.0]) == pytest.approx((np.mean([0.5**-5, 1.0])) ** -0.2, abs=1e-4)
    assert power_mean([0.8, 0.8]) == 0.8
    assert power_mean([]) is None


def test_terms_are_found_as_words():
    terms = identity_terms()
    assert terms_in("Two Gay men, an African American woman", terms) == [
        "gay",
        "men",
        "african american",
        "woman",
    ]
    assert terms_in("A blackout in manhattan, mankind", terms) == []
    assert terms_in("muslims and jews", terms) == ["muslim", "jew"]
    assert terms_in("我是一名男同性恋", terms) == ["男同性恋"]
    assert terms_in("nothing", ()) == []


def test_the_chart_shows_both_models(biased):
    gold, scores, groups = biased
    fair = gaps(gold, np.where(gold, 0.9, 0.1), groups)
    chart = draw_gaps({"before <a>": gaps(gold, scores, groups), "after": fair})
    assert chart.count("<rect") == 1 + 2 * 2
    assert "before &lt;a&gt;" in chart
    assert "+0.5000" in chart

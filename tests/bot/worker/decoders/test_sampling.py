"""The next token: by likelihood, by chance within bounds, and never from numbers that are none."""

import pytest

torch = pytest.importorskip("torch")

from bot.worker.decoders.sampling import FAILED, Sampling  # noqa: E402

PROBABILITIES = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03])


def drawn(sampling, temperature, count=20_000):
    torch.manual_seed(0)
    logits = PROBABILITIES.log().expand(count, -1)
    tokens = sampling.next_tokens(logits, torch.full((count, 1), temperature), None)
    return torch.bincount(tokens.flatten(), minlength=5) / count


def test_tokens_are_drawn_as_often_as_they_are_likely():
    assert torch.allclose(drawn(Sampling(), 1.0), PROBABILITIES, atol=0.015)
    sharper = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert torch.allclose(drawn(Sampling(), 0.5), sharper, atol=0.015)


def test_only_the_likeliest_are_drawn():
    half = torch.tensor([2 / 3, 1 / 3, 0, 0, 0])
    assert torch.allclose(drawn(Sampling(top_k=2), 1.0), half, atol=0.015)
    assert torch.allclose(drawn(Sampling(top_p=0.7), 1.0), half, atol=0.015)
    assert drawn(Sampling(top_p=0.01), 1.0)[0] == 1
    assert drawn(Sampling(), 1e-9)[0] == 1


def test_rows_do_not_share_their_temperature():
    torch.manual_seed(0)
    logits = torch.tensor([[0.0, 0.1, 0.2]]).repeat(400, 1)
    temperatures = torch.tensor([[0.0], [1.0]]).repeat(200, 1)
    tokens = Sampling().next_tokens(logits, temperatures, None).flatten()
    assert set(tokens[::2].tolist()) == {2}
    assert set(tokens[1::2].tolist()) == {0, 1, 2}


@pytest.mark.parametrize("temperatures", [None, torch.ones(4, 1)])
def test_numbers_that_are_not_finite_are_told_apart(temperatures):
    logits = torch.tensor([[1.0, 2.0], [float("nan"), 1.0], [float("inf"), 1.0], [-float("inf"), 3.0]])
    tokens = Sampling().next_tokens(logits, temperatures, None).flatten().tolist()
    assert [token == FAILED for token in tokens] == [False, True, True, False]
    assert tokens[3] == 1


def test_a_token_seen_before_is_less_likely():
    logits = torch.tensor([[2.0, 1.5], [-1.0, -1.2]])
    seen = torch.tensor([[True, False], [True, False]])
    assert Sampling(repetition_penalty=1.5).next_tokens(logits, None, seen).flatten().tolist() == [1, 1]
    assert Sampling().next_tokens(logits, None, None).flatten().tolist() == [0, 0]

from bot.worker.client.process import Breaker


def test_the_first_death_costs_no_pause_and_the_next_ones_more_each():
    breaker = Breaker(deaths=6)
    assert [breaker.record(now) for now in range(5)] == [0.0, 0.5, 1.0, 2.0, 4.0]


def test_too_many_deaths_lead_to_a_rest_and_then_the_count_begins_anew():
    breaker = Breaker(deaths=3, window=60.0, rest=42.0)
    assert [breaker.record(now) for now in (0.0, 1.0, 2.0, 50.0)] == [0.0, 0.5, 42.0, 0.0]


def test_rare_deaths_are_forgiven():
    breaker = Breaker(deaths=2, window=60.0)
    assert [breaker.record(now) for now in (0.0, 60.0, 121.0)] == [0.0, 0.0, 0.0]

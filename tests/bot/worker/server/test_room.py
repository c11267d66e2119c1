import pytest

from bot.errors import Overloaded
from bot.message import Priority
from bot.models import NOBODY, Tenant
from bot.worker.options import WorkerOptions
from bot.worker.server.room import Room


def room(**options):
    return Room(WorkerOptions(**{"max_queue_items": 100, "max_queue_tokens": 1000} | options))


def take(place, items, *, tokens=0, priority=Priority.ALERT, tenant=NOBODY, retry_after=0.0):
    place.take(items, tokens, priority=priority, tenant=tenant, retry_after=lambda: retry_after)


@pytest.mark.parametrize(
    ("priority", "most"), [(Priority.ALERT, 100), (Priority.PERSON, 90), (Priority.BACKGROUND, 50)]
)
def test_each_class_has_its_share_of_the_queue(priority, most):
    place = room()
    take(place, most - 1, priority=priority)
    take(place, 1, priority=priority)
    with pytest.raises(Overloaded) as caught:
        take(place, 1, priority=priority, retry_after=7.0)
    assert caught.value.retry_after == 7.0
    assert place.by_class[priority] == place.items == most


def test_the_queue_is_bounded_in_tokens_too():
    place = room()
    take(place, 1, tokens=600)
    with pytest.raises(Overloaded) as caught:
        take(place, 1, tokens=600)
    assert caught.value.retry_after == 1.0


@pytest.mark.parametrize("holder", [Tenant(skill="mood"), Tenant(community="discord:1")])
def test_a_skill_or_community_cannot_fill_the_queue_alone(holder):
    place = room(skill_share=0.25, community_share=0.25)
    take(place, 25, tenant=holder)
    with pytest.raises(Overloaded):
        take(place, 1, tenant=holder)
    take(place, 25, tenant=Tenant("other", "discord:2"))
    take(place, 25)
    place.give(1, 0, priority=Priority.ALERT, tenant=holder)
    take(place, 1, tenant=holder)


def test_the_shares_of_a_class_and_of_a_skill_multiply():
    place = room(skill_share=0.5)
    with pytest.raises(Overloaded):
        take(place, 26, priority=Priority.BACKGROUND, tenant=Tenant("mood"))
    take(place, 25, priority=Priority.BACKGROUND, tenant=Tenant("mood"))


def test_what_turned_out_larger_counts_as_it_is():
    place = room(skill_share=0.5)
    tenant = Tenant("mood", "discord:1")
    take(place, 1, tokens=10, tenant=tenant)
    place.adjust(400, tenant=tenant)
    assert place.tokens == 410
    with pytest.raises(Overloaded):
        take(place, 1, tokens=100, tenant=tenant)
    place.give(1, 410, priority=Priority.ALERT, tenant=tenant)
    take(place, 1, tokens=500, tenant=tenant)


def test_who_holds_nothing_is_forgotten():
    place = room()
    for number in range(1000):
        tenant = Tenant("mood", f"discord:{number}")
        take(place, 2, tokens=3, tenant=tenant)
        place.give(2, 3, priority=Priority.ALERT, tenant=tenant)
    assert (place.items, place.tokens, place._held) == (0, 0, {})

"""The states of a version, one after the other, and the way back."""

import pytest

from bot.catalogue.register import Register
from bot.catalogue.version import State, Version, user
from bot.errors import BadInput


def version(name, role="sentiment"):
    return Version(name, role, "classification", "/from", {"model.safetensors": "ab"}, "ab", 3, "2030")


@pytest.fixture
def register():
    return Register().with_added(version("a")).with_added(version("b")).with_added(version("t", "toxicity"))


def states(register):
    return {name: each.state.value for name, each in register.versions.items()}


def always(_version):
    return True


def test_a_version_goes_from_candidate_over_shadow_to_live_and_back(register):
    assert states(register) == {"a": "candidate", "b": "candidate", "t": "candidate"}
    assert register.live("sentiment") is None
    shadowed = register.with_shadow("a")
    assert shadowed.shadow("sentiment").name == "a"
    live = shadowed.with_live("a", figures={"accuracy": 0.9})
    assert live.live("sentiment").name == "a"
    assert live.shadow("sentiment") is None
    assert live.live("toxicity") is None
    second = live.with_live("b", reason="better")
    assert states(second) == {"a": "retired", "b": "live", "t": "candidate"}
    first_again = second.rolled_back("sentiment", always)
    assert states(first_again) == {"a": "live", "b": "retired", "t": "candidate"}
    assert first_again.history[-1].name == "a"
    none = first_again.rolled_back("sentiment", always)
    assert states(none) == {"a": "retired", "b": "retired", "t": "candidate"}
    assert (none.history[-1].name, none.history[-1].before) == ("built-in", "a")
    with pytest.raises(BadInput, match="nothing to go back from"):
        none.rolled_back("sentiment", always)
    assert states(none.with_live("b")) == {"a": "retired", "b": "live", "t": "candidate"}


def test_every_step_says_who_when_why_and_what_was_measured(register):
    live = register.with_live("a", reason="urgent", figures={"accuracy": 0.5})
    refused = live.refused("b", {"accuracy": 0.1})
    assert [step.action for step in refused.history] == ["add", "add", "add", "promote", "refuse"]
    promoted = refused.history[3]
    assert (promoted.before, promoted.reason, promoted.figures) == ("built-in", "urgent", {"accuracy": 0.5})
    assert promoted.who == user()
    assert promoted.at > "2020"
    assert states(refused)["b"] == "candidate"


def test_a_role_has_one_shadow_and_never_its_live_version(register):
    changed = register.with_shadow("a").with_shadow("b")
    assert states(changed) == {"a": "candidate", "b": "shadow", "t": "candidate"}
    assert states(changed.without_shadow("b"))["b"] == "candidate"
    with pytest.raises(BadInput, match="is no shadow: it is candidate"):
        changed.without_shadow("a")
    live = changed.with_live("b").with_live("a")
    with pytest.raises(BadInput, match="cannot be its own shadow"):
        live.with_shadow("a")
    with pytest.raises(BadInput, match="live already"):
        live.with_live("a")
    assert live.with_shadow("b").without_shadow("b").versions["b"].state is State.RETIRED


def test_what_is_not_whole_is_passed_over_on_the_way_back(register):
    live = register.with_live("a").with_live("b").with_added(version("c")).with_live("c")
    back = live.rolled_back("sentiment", lambda each: each.name != "b")
    assert back.live("sentiment").name == "a"
    assert "b" in back.history[-1].reason
    assert live.rolled_back("sentiment", lambda _: False).live("sentiment") is None


def test_names_are_used_once_and_unknown_ones_are_answered_with_those_there_are(register):
    with pytest.raises(BadInput, match="'a' is in use"):
        register.with_added(version("a"))
    with pytest.raises(BadInput, match=r"no version 'z'.*a, b, t"):
        register.version("z")
    with pytest.raises(BadInput, match="none yet"):
        Register().version("z")


def test_it_travels_as_json_and_nonsense_is_no_register(register):
    changed = register.with_live("a", figures={"n": 3}).with_shadow("b").with_figures("t", "rows", {"n": 1})
    assert Register.unpacked(changed.packed()) == changed
    with pytest.raises(ValueError, match="no version gone"):
        Register.unpacked(register.packed() | {"lines": {"sentiment": ["gone"]}})
    with pytest.raises(ValueError, match="format 2"):
        Register.unpacked(register.packed() | {"format": 2})

"""Plugins are found and loaded; a broken one is off with its reason, and the rest works."""

from pathlib import Path

import pytest

from bot.errors import BrokenPlugin
from bot.loader import Plugins, bundled_names, load_plugins
from bot.settings import PluginsSettings, Settings

FIXTURES = Path(__file__).parent.parent / "fixtures" / "plugins"


def load(*names: str, **settings: object) -> Plugins:
    paths = tuple(FIXTURES / f"{name}.py" for name in names)
    return load_plugins(Settings(plugins=PluginsSettings(paths=paths), **settings))


def test_every_bundled_plugin_loads() -> None:
    plugins = load()
    assert {plugin.name: plugin.broken for plugin in plugins.found.values()} == dict.fromkeys(
        bundled_names(), ""
    )
    assert {"ask", "help", "why"} <= set(plugins.skills)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises_on_import", "RuntimeError: no such luck"),
        ("misspells_hook", "there is no hook register_skill. Did you mean register_skills?"),
        ("wrong_argument", "registrar"),
        ("clashes", "its skill 'help' is already offered by plugin 'help'"),
        ("registers_nonsense", "register_skills takes functions declared with @skill"),
        ("not_there", "there is no plugin at"),
        ("observes_nonsense", "register_observers takes functions declared with @observer"),
        ("observes_twice", "it has two observers named 'watch'"),
        ("impossible_job", "A job's 'at' is '09:00' or 'mon 09:00', not '25:00'"),
    ],
)
def test_a_broken_plugin_is_off_with_its_reason_and_the_rest_works(name: str, reason: str) -> None:
    plugins = load(name, "dice")
    assert reason in plugins.found[name].broken
    assert not plugins.found["dice"].broken
    assert plugins.skills["sides"].plugin == "dice"
    assert plugins.skills["help"].plugin == "help"


def test_observers_and_jobs_are_found_with_their_plugin() -> None:
    plugins = load("watcher")
    assert [each.name for each in plugins.observers if each.plugin == "watcher"] == ["counter", "everything"]
    jobs = [(each.name, str(each.schedule)) for each in plugins.jobs if each.plugin == "watcher"]
    assert jobs == [("digest", "at mon 09:00"), ("broken", "every 400 days, 0:00:00")]


def test_a_plugin_that_breaks_late_watches_nothing() -> None:
    plugins = load("observes_twice", "impossible_job")
    watchers = {each.plugin for each in (*plugins.observers, *plugins.jobs)}
    assert not watchers & {"observes_twice", "impossible_job"}


def test_typed_settings_reach_the_plugin() -> None:
    plugins = load("dice", plugin={"dice": {"sides": 20}})
    assert [vars(each) for each in plugins.found["dice"].settings.values()] == [{"sides": 20}]


def test_wrong_settings_switch_the_plugin_off() -> None:
    assert (
        "plugin.dice.side: no such setting"
        in load("dice", plugin={"dice": {"side": 20}}).found["dice"].broken
    )


def test_bundled_plugins_can_be_left_out() -> None:
    plugins = load_plugins(Settings(plugins=PluginsSettings(disabled=("help",))))
    assert "help" not in plugins.found


def test_unknown_entry_point_is_named() -> None:
    plugins = load_plugins(Settings(plugins=PluginsSettings(entry_points=("nobody",))))
    assert "no installed package offers plugin 'nobody'" in plugins.found["nobody"].broken


def test_two_bots_in_one_process_share_nothing() -> None:
    assert load("dice").skills["sides"].plugin == "dice"
    assert "sides" not in load().skills


def test_another_plugins_folder_in_front_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "plugins", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BrokenPlugin, match="hides the bundled plugins"):
        bundled_names()

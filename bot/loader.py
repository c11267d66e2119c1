"""Find plugins, load them, and go on without those that are broken."""

from __future__ import annotations

import asyncio
import difflib
import importlib
import importlib.metadata
import importlib.util
import logging
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from bot import hookspecs
from bot.connector import Connector
from bot.errors import BrokenPlugin, ParleyError
from bot.jobs import Job
from bot.message import Message, Reply
from bot.observers import Observer
from bot.settings import PluginSettings, Settings, read_plugin_settings
from bot.skills import Skill

log = logging.getLogger(__name__)

BUNDLED = "plugins"
ENTRY_POINTS = "parley.plugins"
HOOK_SECONDS = 10.0

W = TypeVar("W", Observer, Job)


@dataclass(slots=True)
class Plugin:
    """One plugin found: where it came from, what it offers, and why it is off when it is broken."""

    name: str
    source: str
    summary: str = ""
    broken: str = ""
    skills: list[Skill] = field(default_factory=list)
    connectors: list[Connector] = field(default_factory=list)
    observers: list[Observer] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    settings: dict[type, object] = field(default_factory=dict)


class Plugins:
    """The plugins of one bot. Two bots in one process have two of these."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._hooks = {
            name for name in vars(hookspecs) if hasattr(getattr(self._manager.hook, name, None), "spec")
        }
        self.found: dict[str, Plugin] = {}
        self.skills: dict[str, Skill] = {}

    @property
    def connectors(self) -> list[Connector]:
        """The ways in that plugins offer."""
        return [connector for plugin in self.found.values() for connector in plugin.connectors]

    @property
    def observers(self) -> list[Observer]:
        """What plugins watch with."""
        return [observer for plugin in self.found.values() for observer in plugin.observers]

    @property
    def jobs(self) -> list[Job]:
        """What plugins do by the clock."""
        return [job for plugin in self.found.values() for job in plugin.jobs]

    def settings_of(self, skill: Skill) -> dict[type, object]:
        """The settings of the plugin a skill belongs to."""
        return self.found[skill.plugin].settings

    def add(self, name: str, source: str, load: Callable[[], object]) -> Plugin:
        """Load one plugin; a failure is kept as its reason and never raised."""
        plugin = Plugin(name, source)
        if name in self.found:
            plugin.broken = f"the name {name!r} is taken by {self.found[name].source}; rename one of them"
            log.error("plugin %s from %s is off: %s", name, source, plugin.broken)
            self.found[f"{name} ({source})"] = plugin
            return plugin
        self.found[name] = plugin
        module: object | None = None
        try:
            module = load()
            self._register(plugin, module)
        except Exception as error:  # noqa: BLE001 - a plugin is foreign code: whatever it raises must not stop the bot
            plugin.broken = _reason(error)
            plugin.skills, plugin.connectors, plugin.observers, plugin.jobs = [], [], [], []
            if module is not None and self._manager.is_registered(module):
                self._manager.unregister(module)
            log.error("plugin %s from %s is off: %s", name, source, plugin.broken)  # noqa: TRY400
        return plugin

    async def notify(self, hook: str, **arguments: Any) -> None:
        """Call every implementation of an event hook; one that fails or hangs is logged, the rest go on."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            await self._guarded(hook, implementation, arguments)

    async def review(self, message: Message, reply: Reply) -> Reply:
        """The reply after every `reply_ready` hook, each seeing what the one before returned."""
        for implementation in self._manager.hook.reply_ready.get_hookimpls():
            arguments = {"message": message, "reply": reply}
            changed = await self._guarded("reply_ready", implementation, arguments)
            if isinstance(changed, Reply):
                reply = changed
        return reply

    def observes(self, hook: str) -> bool:
        """Whether any plugin implements an event hook."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    async def _guarded(self, hook: str, implementation: pluggy.HookImpl, arguments: dict[str, Any]) -> object:
        try:
            async with asyncio.timeout(HOOK_SECONDS):
                result = implementation.function(*(arguments[name] for name in implementation.argnames))
                return await result if asyncio.iscoroutine(result) else result
        except Exception as error:  # noqa: BLE001 - the wall around foreign code
            log.error("plugin %s failed in %s: %s", implementation.plugin_name, hook, _reason(error))  # noqa: TRY400
            return None

    def _register(self, plugin: Plugin, module: object) -> None:
        plugin.summary = (getattr(module, "__doc__", None) or "").strip().partition("\n")[0]
        self._check_hook_names(module)
        self._manager.register(module, plugin.name)
        self._call(module, "register_settings", register=lambda section: self._configure(plugin, section))
        self._call(
            module,
            "register_skills",
            register=lambda skill: self._offer(plugin, skill),
            settings=self._settings,
        )
        self._call(module, "register_connectors", register=plugin.connectors.append, settings=self._settings)
        self._call(
            module,
            "register_observers",
            register=lambda each: _add(plugin, plugin.observers, Observer, each),
            settings=self._settings,
        )
        self._call(
            module,
            "register_jobs",
            register=lambda each: _add(plugin, plugin.jobs, Job, each),
            settings=self._settings,
        )
        for skill in plugin.skills:
            self.skills |= dict.fromkeys((skill.name, *skill.aliases), skill)

    def _check_hook_names(self, module: object) -> None:
        for name in dir(module):
            marked = getattr(getattr(module, name, None), f"{hookspecs.PROJECT}_impl", None)
            if marked is not None and name not in self._hooks:
                near = difflib.get_close_matches(name, self._hooks, n=1)
                hint = (
                    f" Did you mean {near[0]}?" if near else f" There are: {', '.join(sorted(self._hooks))}."
                )
                raise BrokenPlugin(f"there is no hook {name}.{hint}")

    def _call(self, module: object, hook: str, **arguments: Any) -> None:
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            if implementation.plugin is module:
                implementation.function(*(arguments[name] for name in implementation.argnames))

    def _configure(self, plugin: Plugin, section: type[PluginSettings]) -> None:
        if not (isinstance(section, type) and issubclass(section, PluginSettings)):
            raise BrokenPlugin("register_settings takes a class derived from PluginSettings.")
        plugin.settings[section] = read_plugin_settings(self._settings, plugin.name, section)

    def _offer(self, plugin: Plugin, skill: Skill) -> None:
        if not isinstance(skill, Skill):
            raise BrokenPlugin("register_skills takes functions declared with @skill.")
        for name in (skill.name, *skill.aliases):
            if name in self.skills:
                owner = self.skills[name].plugin
                raise BrokenPlugin(f"its skill {name!r} is already offered by plugin {owner!r}; rename it.")
        plugin.skills.append(replace(skill, plugin=plugin.name))


def _add(plugin: Plugin, kept: list[W], kind: type[W], offered: W) -> None:
    """Keep an observer or a job. Raises BrokenPlugin for anything else, and for a name that is taken."""
    word = kind.__name__.lower()
    if not isinstance(offered, kind):
        raise BrokenPlugin(f"register_{word}s takes functions declared with @{word}.")
    if offered.name in {each.name for each in kept}:
        raise BrokenPlugin(f"it has two {word}s named {offered.name!r}; rename one.")
    kept.append(replace(offered, plugin=plugin.name))


def load_plugins(settings: Settings) -> Plugins:
    """Bundled plugins, then installed ones that the settings name, then the operator's own files."""
    plugins = Plugins(settings)
    for name in bundled_names():
        if name not in settings.plugins.disabled:
            plugins.add(name, "bundled", partial(importlib.import_module, f"{BUNDLED}.{name}"))
    for name in settings.plugins.entry_points:
        plugins.add(name, "entry point", partial(_load_entry_point, name))
    for path in settings.plugins.paths:
        plugins.add(path.stem, str(path), partial(load_file, path))
    return plugins


def bundled_names() -> list[str]:
    """The names of the plugins that come with parley, sorted. Raises BrokenPlugin when others shadow them."""
    spec = importlib.util.find_spec(BUNDLED)
    beside = Path(__file__).resolve().parent.parent / BUNDLED
    if spec is None or spec.submodule_search_locations is None:
        raise BrokenPlugin(
            f"the bundled plugins are missing: {beside} should hold them. Install parley again."
        )
    if beside not in [Path(place).resolve() for place in spec.submodule_search_locations]:
        raise BrokenPlugin(
            f"another folder named {BUNDLED!r} hides the bundled plugins. Start parley by its command, "
            "and name your own plugins in plugins.paths."
        )
    return sorted(module.name for module in pkgutil.iter_modules([str(beside)]))


def load_file(path: Path) -> ModuleType:
    """The plugin in a Python file or a folder with `__init__.py`, as module `local_plugins.<stem>`."""
    file = path / "__init__.py" if path.is_dir() else path
    if not file.is_file():
        raise BrokenPlugin(f"there is no plugin at {path}: give a Python file or a folder with __init__.py.")
    name = f"local_plugins.{path.stem}"
    locations = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=locations)
    if spec is None or spec.loader is None:
        raise BrokenPlugin(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_entry_point(name: str) -> object:
    found = importlib.metadata.entry_points(group=ENTRY_POINTS, name=name)
    if not found:
        known = sorted(each.name for each in importlib.metadata.entry_points(group=ENTRY_POINTS))
        raise BrokenPlugin(
            f"no installed package offers plugin {name!r}; installed: {', '.join(known) or 'none'}."
        )
    return next(iter(found)).load()


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if isinstance(error, ParleyError) else f"{type(error).__name__}: {text}"

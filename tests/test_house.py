"""The house keeps its own rules: the public face, the reference, the layers, the doors."""

import ast
import importlib
import importlib.util
import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import bot
from bot import hookspecs
from bot.errors import BadSettings
from bot.loader import bundled_names, load_plugins
from bot.settings import Section, Settings, load_settings
from bot.testing import Harness, open_harness

ROOT = Path(__file__).resolve().parent.parent
OURS = ("bot", "plugins", "storage")
REFERENCE = ROOT / "docs" / "reference"
HEAVY = {"torch", "transformers", "sqlalchemy", "pydantic", "numpy", "starlette", "uvicorn", "alembic"}
HELP_CPU_SECONDS = 0.6  # the goal is 0.3 on a machine with nothing else to do


def generator() -> ModuleType:
    """The script that writes the reference."""
    spec = importlib.util.spec_from_file_location("generate_reference", REFERENCE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python(code: str) -> str:
    """What `code` prints in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def sources(*packages: str) -> list[Path]:
    return sorted(file for package in packages for file in (ROOT / package).rglob("*.py"))


# --- the public face ---


def test_public_face_is_sorted_and_complete() -> None:
    assert bot.__all__ == sorted(bot.__all__)
    assert len(set(bot.__all__)) == len(bot.__all__)
    declared = {
        alias.name
        for node in ast.walk(ast.parse(Path(bot.__file__).read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bot.")
        for alias in node.names
    }
    assert declared == set(bot.__all__), "what type checkers see is what is offered"


@pytest.mark.parametrize("name", bot.__all__)
def test_public_name_is_imported_from_its_home(name: str) -> None:
    offered = getattr(bot, name)
    home = importlib.import_module(bot._HOMES[name])
    assert getattr(home, name) is offered
    if isinstance(offered, type) or callable(getattr(offered, "__wrapped__", None)):
        assert offered.__module__ == bot._HOMES[name]


@pytest.mark.parametrize("name", bot.__all__)
def test_public_name_hides_no_module(name: str) -> None:
    """A module of that name would take its place as soon as anyone imports it."""
    assert importlib.util.find_spec(f"bot.{name}") is None


def test_unknown_public_name_lists_what_there_is() -> None:
    with pytest.raises(AttributeError, match="Context"):
        bot.Contxt  # noqa: B018


# --- the reference ---


@pytest.mark.parametrize("page", generator().PAGES, ids=lambda page: page.name)
def test_reference_is_the_generated_one(page: Path) -> None:
    expected = generator().PAGES[page]()
    assert page.read_text("utf-8") == expected, "run: .venv/bin/python docs/reference/generate.py"


def test_every_hook_is_documented_with_its_signature() -> None:
    text = (REFERENCE / "hooks.md").read_text("utf-8")
    tree = ast.parse(Path(hookspecs.__file__).read_text("utf-8"))
    hooks = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert len(hooks) >= 7
    for hook in hooks:
        keyword = "async def" if isinstance(hook, ast.AsyncFunctionDef) else "def"
        assert hook.returns is not None
        signature = f"{keyword} {hook.name}({ast.unparse(hook.args)}) -> {ast.unparse(hook.returns)}: ..."
        assert f"## {hook.name}\n\n```python\n{signature}" in text


def test_every_setting_is_described_in_the_reference_and_the_sample() -> None:
    reference = (REFERENCE / "settings.md").read_text("utf-8")
    sample = (ROOT / "config" / "sample.toml").read_text("utf-8")
    for section in Section.__subclasses__():
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} has no description"
            assert f"**`{name}`**" in reference
            assert field.description in reference
            assert f"{name} =" in sample


def test_sample_with_its_defaults_switched_on_changes_nothing(tmp_path: Path) -> None:
    defaults, _, _ = (ROOT / "config" / "sample.toml").read_text("utf-8").partition("# [models.sentiment]")
    file = tmp_path / "parley.toml"
    file.write_text(re.sub(r"^# (?=\w+ = )", "", defaults, flags=re.MULTILINE), "utf-8")
    assert "port = 8080" in file.read_text("utf-8").splitlines()
    assert load_settings(file) == load_settings()


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.toml")), ids=lambda file: file.name)
def test_ready_settings_are_right(file: Path) -> None:
    assert isinstance(load_settings(file), Settings)


def test_misspelt_setting_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "parley.toml"
    file.write_text("[web]\nprot = 8080\n", "utf-8")
    with pytest.raises(BadSettings, match=r"line 2: web\.prot"):
        load_settings(file)


# --- the bundled plugins ---


def test_every_bundled_plugin_loads_and_explains_itself(tmp_path: Path) -> None:
    plugins = load_plugins(Settings(data_dir=tmp_path))
    assert [name for name in bundled_names() if name not in plugins.found] == []
    for plugin in plugins.found.values():
        assert not plugin.broken, f"{plugin.name}: {plugin.broken}"
        assert plugin.summary.endswith("."), f"{plugin.name}: its module needs a docstring of one sentence"
    for skill in plugins.skills.values():
        assert skill.summary.endswith("."), f"{skill.name}: its docstring begins with a sentence"


async def test_every_skill_answers_an_empty_command_and_has_help(harness: Harness) -> None:
    """Whatever is left out, the answer is an answer or the usage; never a failure."""
    for skill in harness.bot.skills_in("test:room"):
        said = await harness.say(f"/{skill.name}")
        assert said.strip(), f"/{skill.name} says nothing"
        assert "Something went wrong" not in said
        assert skill.summary in await harness.say(f"/help {skill.name}")


async def test_empty_message_is_answered(harness: Harness) -> None:
    assert "empty" in await harness.say("   ")


async def test_bot_without_plugins_says_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, plugins={"disabled": tuple(bundled_names())})  # type: ignore[arg-type]
    async with open_harness(settings) as harness:
        assert await harness.say("hello") == "I can't do that; no skill is switched on here."


# --- who may import whom ---


def test_import_contracts_hold() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout[-4000:]


@pytest.mark.parametrize("file", sources("plugins"), ids=lambda file: str(file.relative_to(ROOT)))
def test_plugin_imports_only_offered_names(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] in OURS:
            own = f"plugins.{file.relative_to(ROOT / 'plugins').parts[0].removesuffix('.py')}"
            if (node.module or "").startswith(own):
                continue
            assert node.module == "bot"
            assert {alias.name for alias in node.names} <= set(bot.__all__)
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & {"bot", "storage"}


def test_bot_never_imports_the_plugins() -> None:
    for file in sources("bot", "storage"):
        assert not re.search(r"^\s*(from|import) plugins\b", file.read_text("utf-8"), re.MULTILINE), file


def test_bot_process_never_loads_a_model_library() -> None:
    """Everything `parley run` and `parley chat` import, in one process."""
    modules = "bot.assembly, bot.cli, bot.connectors.terminal, bot.connectors.web, bot.testing"
    code = f"import sys, {modules}; from bot.loader import *; from bot.settings import Settings\n"
    code += (
        "load_plugins(Settings()); print(sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )
    assert python(code).strip() == "[]"


# --- a quick command line ---


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from bot.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    loaded = set(python(code).split("LOADED")[1].split())
    assert not loaded & HEAVY


def test_help_is_quick() -> None:
    spent = min(cpu_seconds([Path(sys.executable).with_name("parley"), "--help"]) for _ in range(3))
    assert spent < HELP_CPU_SECONDS


def cpu_seconds(command: list[str | Path]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# --- the files themselves ---


def tracked() -> list[Path]:
    """The files of the project: what git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_top_level_is_the_readers() -> None:
    expected = {
        ".ci", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
        "Makefile", "README.md", "bot", "config", "constraints.txt", "docs", "plugins", "pyproject.toml",
        "storage", "tests", "uv.lock",
    }  # fmt: skip
    assert {file.relative_to(ROOT).parts[0] for file in tracked()} - expected == set()


def test_no_text_names_a_machine_or_a_registry() -> None:
    """Local folders and hosts of registries belong to nobody's copy; uv.lock alone must name its source."""
    forbidden = re.compile(
        "|".join(["/wo" + "rk/", "/opt/wh" + "eels", "pythonho" + "sted", r"pypi\.o" + "rg"])
    )
    for file in tracked():
        if file.name == "uv.lock" or file.suffix in {".png", ".gz", ".pdf", ".docx", ".xlsx", ".pptx"}:
            continue
        found = forbidden.search(file.read_text("utf-8", errors="replace"))
        assert not found, f"{file.relative_to(ROOT)} names {found and found.group()!r}"


def test_no_unfinished_marks() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|raise NotImplementedError)\b")
    for file in sources(*OURS):
        assert not marks.search(file.read_text("utf-8")), file


@pytest.mark.parametrize("file", sources(*OURS), ids=lambda file: str(file.relative_to(ROOT)))
def test_module_says_what_it_is_for(file: Path) -> None:
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8")))
    assert docstring, f"{file} has no docstring"
    assert file.stem not in {"utils", "helpers", "common", "manager"}


def test_lock_and_constraints_agree() -> None:
    """Each exact version in constraints.txt stands in uv.lock, and neither holds a local path."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    locked = {(package["name"], package.get("version")) for package in lock["package"]}
    places = {place for package in lock["package"] for place in package["source"]}
    assert places <= {"registry", "editable"}
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {tuple(line.partition(" ;")[0].split("==")) for line in lines if line}
    assert pinned <= locked
    assert ("torch", "2.13.0") in pinned

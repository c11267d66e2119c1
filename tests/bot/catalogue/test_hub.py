"""Downloads by the real library, from a hub on loopback."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("huggingface_hub")

from bot.catalogue.adding import Addition, add
from bot.catalogue.hub import is_hub_name
from bot.errors import BadInput

COMMIT = "3f2c1d" + "0" * 34
MODEL = "someone/mood"


class Hub(BaseHTTPRequestHandler):
    """What a hub says of one model; `server.files` are its files."""

    def do_GET(self):
        self.answer(with_body=True)

    def do_HEAD(self):
        self.answer(with_body=False)

    def answer(self, *, with_body):
        files = self.server.files
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        if re.fullmatch(rf"/api/models/{MODEL}(/revision/(main|{COMMIT}))?", path):
            self.send_json({"id": MODEL, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]})
        elif re.fullmatch(rf"/api/models/{MODEL}/tree/{COMMIT}", path):
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            self.send_json(entries)
        elif (found := re.fullmatch(rf"/{MODEL}/resolve/{COMMIT}/(.+)", path)) and found[1] in files:
            self.send_file(files[found[1]], with_body=with_body)
        else:
            self.send_json({"error": "Repository not found"}, 404, code="RepoNotFound")

    def send_json(self, value, status=200, code=""):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, content, *, with_body):
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_words):
        pass


@pytest.fixture
def hub(checkpoint, monkeypatch):
    folder = checkpoint("on the hub")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling.py").write_text("raise SystemExit\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_names_of_hubs():
    assert is_hub_name("owner/model")
    assert is_hub_name("owner/model@3f2c1d")
    assert not is_hub_name("/folder/of/mine")
    assert not is_hub_name("model")
    assert not is_hub_name("owner/model@")


def test_a_model_is_fetched_at_its_commit_without_pickles_and_code(hub, registry):
    version = add(registry, Addition("sentiment", f"{MODEL}@main", "mood-3"), download=True)
    assert (version.source, version.revision, version.licence) == (f"{MODEL}@main", COMMIT, "mit")
    assert set(version.files) == {"README.md", "config.json", "model.safetensors", "tokenizer.json"}
    registry.check_files(version)
    assert not [path for path in hub.asked if path.endswith((".bin", ".py"))]
    assert {each.name for each in registry.folder.iterdir()} == {"registry.json", "sentiment", ".lock"}


def test_what_the_hub_does_not_have_is_told(hub, registry):
    with pytest.raises(BadInput, match=r"someone/else \(main\) cannot be downloaded"):
        add(registry, Addition("sentiment", "someone/else", "a"), download=True)
    assert registry.read().versions == {}


def test_a_hub_out_of_reach_is_told(hub, registry, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BadInput, match="cannot be downloaded"):
        add(registry, Addition("sentiment", f"{MODEL}@{COMMIT}", "a"), download=True)
    assert not list(registry.folder.glob(".download*"))

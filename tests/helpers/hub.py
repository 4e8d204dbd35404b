"""A hub on this machine: what huggingface_hub asks when it creates, uploads, commits and downloads, and no more.

Calls after huggingface_hub 2.4 (hf_api.py, _commit_api.py, lfs.py, file_download.py), with storage by git LFS.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

TOKEN = "hf_" + "A1b2C3d4" * 4
LICENCES = {"apache-2.0", "cc-by-4.0", "mit", "other"}
REGULAR_BYTES = 1000  # larger files go to the storage; the real hub goes by type and 10 MB


class Hub(ThreadingHTTPServer):
    """Repositories of one user, in memory."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, dict[str, bytes]] = {}  # name -> path -> content
        self.commits: list[str] = []
        self.storage: dict[str, bytes] = {}
        self.arrived: list[str] = []  # object ids, in the order of their PUTs
        self.requests: list[tuple[str, str]] = []
        self.hold_after: int | None = None  # PUTs that get through before one hangs
        self.holding = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_):
        pass

    def answer(self, content=b"", status=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), "Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, message, code=None):
        self.answer({"error": message}, status, X_Error_Message=message, **({"X_Error_Code": code} if code else {}))

    def handle_call(self):
        hub, path = self.server, self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.requests.append((self.command, path))
        if path.startswith("/lfs/"):
            return self.store(path.removeprefix("/lfs/"), body)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401, "Invalid credentials in Authorization header")
        for pattern, method in CALLS.items():
            if match := re.fullmatch(pattern, f"{self.command} {path}"):
                return method(self, body, *match.groups())
        return self.refuse(404, f"no such call: {self.command} {path}")

    do_GET = do_POST = do_PUT = do_HEAD = handle_call

    def store(self, oid, body):
        hub = self.server
        if hub.hold_after is not None and len(hub.arrived) >= hub.hold_after:
            hub.holding.set()
            threading.Event().wait(60)  # the client is killed meanwhile
            return None
        assert hashlib.sha256(body).hexdigest() == oid
        hub.storage[oid] = body
        hub.arrived.append(oid)
        return self.answer()

    def create(self, body):
        asked = json.loads(body)
        name = f"{asked.get('organization') or 'user'}/{asked['name']}"
        if not name.startswith("user/"):
            return self.refuse(403, "You don't have the rights to create a model under the namespace")
        if name in self.server.repositories:
            return self.answer({"url": f"{self.server.url}/{name}"}, 409)
        self.server.repositories[name] = {}
        return self.answer({"url": f"{self.server.url}/{name}", "name": name})

    def validate(self, body):
        front = yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
        errors = [] if front.get("license") in LICENCES else [{"message": '"license" must be one of the known ones'}]
        return self.answer({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, body, name):
        if name not in self.server.repositories:
            return self.refuse(404, "Repository not found", "RepoNotFound")
        files = json.loads(body)["files"]
        return self.answer({"files": [
            {"path": file["path"], "uploadMode": "lfs" if file["size"] > REGULAR_BYTES else "regular",
             "shouldIgnore": False, "oid": None} for file in files]})

    def batch(self, body, _):
        wanted = json.loads(body)["objects"]
        return self.answer({"transfer": "basic", "objects": [
            {**each} if each["oid"] in self.server.storage else
            {**each, "actions": {"upload": {"href": f"{self.server.url}/lfs/{each['oid']}"}}} for each in wanted]})

    def commit(self, body, name):
        files = dict(self.server.repositories[name])
        for row in map(json.loads, body.splitlines()):
            value = row["value"]
            if row["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif row["key"] == "lfsFile":
                files[value["path"]] = self.server.storage[value["oid"]]
        self.server.repositories[name] = files
        self.server.commits.append(hashlib.sha1(body).hexdigest())
        return self.answer({"commitUrl": f"{self.server.url}/{name}/commit/x", "commitOid": self.server.commits[-1]})

    def info(self, _, name):
        if name not in self.server.repositories:
            return self.refuse(404, "Repository not found", "RepoNotFound")
        return self.answer({"id": name, "sha": self.server.commits[-1], "siblings": [
            {"rfilename": path} for path in sorted(self.server.repositories[name])]})

    def tree(self, _, name):
        return self.answer([{"type": "file", "path": path, "size": len(content), "oid": sha1(content)}
                            for path, content in sorted(self.server.repositories[name].items())])

    def resolve(self, _, name, path):
        content = self.server.repositories[name].get(path)
        if content is None:
            return self.refuse(404, "Entry not found", "EntryNotFound")
        return self.answer(content, ETag=f'"{sha1(content)}"', X_Repo_Commit=self.server.commits[-1])


def sha1(content):
    return hashlib.sha1(content).hexdigest()


CALLS = {
    "POST /api/repos/create": Handler.create,
    "POST /api/validate-yaml": Handler.validate,
    "POST /api/models/(.+)/preupload/main": Handler.preupload,
    r"POST /(.+)\.git/info/lfs/objects/batch": Handler.batch,
    "POST /api/models/(.+)/commit/main": Handler.commit,
    "GET /api/models/([^/]+/[^/]+)(?:/revision/main)?": Handler.info,
    "GET /api/models/([^/]+/[^/]+)/tree/.+": Handler.tree,
    "(?:GET|HEAD) /([^/]+/[^/]+)/resolve/[^/]+/(.+)": Handler.resolve,
}


def start(exp_dir, hub, token=TOKEN, repo="user/name"):
    """`upload` in a process of its own, whose huggingface_hub knows no other hub."""
    home = exp_dir.parent / "home"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*",
                    **({"HF_TOKEN": token} if token else {})}
    words = ["-m", "espnet_bljust.bin.upload", "--exp_dir", exp_dir, "--hf_repo", repo, "--dry_run", "false"]
    return subprocess.Popen([sys.executable, *words], env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def upload(*words, code=0, **options):
    """What the command says."""
    process = start(*words, **options)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, out + err
    return out + err

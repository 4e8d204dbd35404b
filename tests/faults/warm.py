"""A Python that has its imports behind it: `--python` of a recipe, so that a stage takes a second and not twenty.

    python -m tests.faults.warm SOCKET MODULE ...     imports the modules, then serves

The recipe calls a small client in Python's place, which hands over its words, environment, folder and open files;
the server forks, and the child runs the program as Python would. A kill of a start's process group does not reach the
children, which have sessions of their own: `Warm.kill` does, for all children of that start, at the same moment.
"""

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MODULES = ("espnet_bljust.espnet.task", "torch.utils.tensorboard", "matplotlib.figure", "scipy.signal",
           "matplotlib.backends.backend_agg", "sentencepiece", "soundfile", "kaldiio", "editdistance")  # fmt: skip
LIGHT = ("espnet_bljust.data.preparation.format_merge", "espnet_bljust.data.preparation.report",
         "espnet_bljust.data.preparation.report_figure", "soundfile", "kaldiio", "sentencepiece", "scipy.signal",
         "matplotlib.backends.backend_agg")  # fmt: skip
LAST_LIGHT = 6  # the last stage without torch
NAME = "FAULTS_START"  # in the environment: which start of a recipe a program belongs to
FILES = (0, 1, 2, 8, 9)  # 8 and 9: locks, which the processes of a stage hold
CLIENT = """#!{python} -SE
import array, json, os, socket, sys
files = []
for number in {files}:
    try:
        os.fstat(number)
        files.append(number)
    except OSError:
        pass
server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
words = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), files]).encode()
server.sendmsg([len(words).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
server.sendall(words)
status = server.recv(8)
os._exit(int(status) % 256 if status else 70)
"""


class Warm:
    """The server, from the side of who starts it."""

    def __init__(self, folder: Path, modules: tuple[str, ...] = MODULES) -> None:
        self.path, self.python = folder / "warm.socket", folder / "warm_python"
        self.python.write_text(CLIENT.format(python=sys.executable, files=FILES, path=str(self.path)))
        self.python.chmod(0o755)
        self.process = subprocess.Popen([sys.executable, "-m", "tests.faults.warm", self.path, *modules])
        while not self.path.exists():
            if self.process.poll() is not None:
                raise RuntimeError("the warm Python ended before it served")
            time.sleep(0.1)

    def kill(self, start: str) -> None:
        """SIGKILL to every program of a start; returns when all of them have ended."""
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self.path))
            words = json.dumps([["kill", start], "", {}, []]).encode()
            server.sendall(len(words).to_bytes(8, "big") + words)
            server.recv(8)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Program(NamedTuple):
    """What a client asks for."""

    words: list[str]
    folder: str
    environment: dict[str, str]
    numbers: list[int]  # of the open files in the client
    files: list[int]  # the same here


class Server:
    """Forks a child for each program; `serve` returns in the child alone, with what it is to do."""

    def __init__(self, path: str) -> None:
        self.children: dict[int, tuple[str, socket.socket]] = {}
        self.killed: set[str] = set()
        self.selector = selectors.DefaultSelector()
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(path + ".new")
        self.door.listen(64)
        self.ended, writer = os.pipe()
        os.set_blocking(writer, False)
        os.set_blocking(self.ended, False)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(self.door, selectors.EVENT_READ)
        self.selector.register(self.ended, selectors.EVENT_READ)
        os.rename(path + ".new", path)

    def serve(self) -> Program:
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.door:
                    client, _ = self.door.accept()
                    if program := self._handle(client):
                        return program
                else:
                    with suppress(BlockingIOError):
                        os.read(self.ended, 4096)
                self._bury(os.WNOHANG)

    def _handle(self, client: socket.socket) -> Program | None:
        program = receive(client)
        if program is None or program.environment.get(NAME, "") in self.killed:
            self._forget(client, program)
            return None
        if program.words[0] == "kill":
            self._kill(program.words[1])
            client.sendall(b"0")
            client.close()
            return None
        child = os.fork()
        if child == 0:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self.door, client, *(conn for _, conn in self.children.values())):
                other.close()
            return program
        self.children[child] = program.environment.get(NAME, ""), client
        for number in program.files:
            os.close(number)
        return None

    def _forget(self, client: socket.socket, program: Program | None) -> None:
        client.close()
        for number in program.files if program else ():
            os.close(number)

    def _kill(self, start: str) -> None:
        self.killed.add(start)
        mine = [child for child, (name, _) in self.children.items() if name == start]
        for child in mine:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        while set(mine) & self.children.keys():
            self._bury(0)

    def _bury(self, options: int) -> None:
        """Tell the clients of ended children how they ended."""
        while self.children:
            child, status = os.waitpid(-1, options)
            if child == 0:
                return
            _, client = self.children.pop(child)
            with suppress(OSError):
                client.sendall(str(os.waitstatus_to_exitcode(status) % 256).encode())
            client.close()
            if options == 0:
                return


def receive(client: socket.socket) -> Program | None:
    """A whole request; None from a client that was killed in the middle of it."""
    client.settimeout(10)
    try:
        data, extra, *_ = client.recvmsg(8, socket.CMSG_SPACE(4 * len(FILES)))
        files = array.array("i")
        for _, _, content in extra:
            files.frombytes(content)
        length = int.from_bytes(data, "big")
        words = b""
        while len(words) < length and (piece := client.recv(length - len(words))):
            words += piece
        return Program(*json.loads(words), files.tolist()) if len(data) == 8 else None
    except (OSError, ValueError):
        return None


def become(program: Program) -> None:
    """Be the Python that the client was called as."""
    for file, number in zip(program.files, program.numbers, strict=True):
        os.dup2(file, number, inheritable=True)
        os.close(file)
    os.chdir(program.folder)
    os.environ.clear()
    os.environ.update(program.environment)
    words = program.words
    if words[0] != "-m":  # a recipe's data.py, whose own processes would look for it where this server was started
        os.execv(sys.executable, [sys.executable, *words])
    sys.argv, sys.path[0] = words[1:], program.folder
    try:
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # to take down what was imported would take seconds


def main() -> None:
    for name in sys.argv[2:]:
        importlib.import_module(name)
    gc.freeze()
    become(Server(sys.argv[1]).serve())


if __name__ == "__main__":
    main()

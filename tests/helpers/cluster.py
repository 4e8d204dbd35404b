"""A Slurm of its own for tests: controller, two pretended nodes and a munge daemon on the loopback address.

Everything lies in one folder, on ports that were free, so that several clusters live side by side on one machine.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged", "mungekey")
NODES = ("n1", "n2")
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=8
"""


def search_path() -> str:
    """Debian keeps daemons where a user's PATH does not look."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def missing() -> str:
    """Why there can be no cluster here, or an empty string."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]
    if absent:
        return f"{', '.join(absent)}: not installed (Debian: apt-get install slurm-wlm munge)"
    return "" if os.getuid() == 0 else "Slurm's daemons are started as root only"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """Started by the constructor; `stop` ends every daemon that it started."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: a socket's path holds 107 characters
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        self.environment.pop("OMP_NUM_THREADS", None)  # a value of the user's would stand
        self.environment |= {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": search_path()}
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        folder, host = self.folder, socket.gethostname().split(".")[0]
        (folder / "state").mkdir()
        folder.chmod(0o755)
        controller, *ports = free_ports(1 + len(NODES))
        text = CONFIGURATION.format(folder=folder, host=host, port=controller, user=getpass.getuser())
        for node, port in zip(NODES, ports, strict=True):
            (folder / f"spool.{node}").mkdir()
            text += f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=2000\n"
        text += "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        (folder / "slurm.conf").write_text(text)
        self.call("mungekey", "--create", f"--keyfile={folder}/munge.key")
        names = {"key-file": "key", "log-file": "log", "pid-file": "pid", "seed-file": "seed", "socket": "socket"}
        self.call("munged", *(f"--{option}={folder}/munge.{name}" for option, name in names.items()))
        self.call("slurmctld")
        for node in NODES:
            self.call("slurmd", "-N", node)
        deadline = time.monotonic() + 30
        while self.ask("sinfo", "-h", "-t", "idle", "-o", "%D").strip() != str(len(NODES)):
            assert time.monotonic() < deadline, (folder / "slurmctld.log").read_text()[-2000:]
            time.sleep(0.1)

    def call(self, *words: str) -> str:
        """A command that must succeed; daemons leave no pipe open behind them."""
        with tempfile.TemporaryFile("w+") as output:
            code = subprocess.run(words, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  timeout=60, check=False).returncode
            output.seek(0)
            assert code == 0, f"{words}: {output.read()}"
            output.seek(0)
            return output.read()

    def ask(self, *words: str) -> str:
        """What a command prints, successful or not."""
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False).stdout

    def stop(self) -> None:
        self.ask("scancel", "--user", getpass.getuser())
        deadline = time.monotonic() + 20
        while self.ask("squeue", "-h").strip() and time.monotonic() < deadline:
            time.sleep(0.1)
        pids = [int(file.read_text()) for file in self.folder.glob("*.pid") if file.read_text().strip()]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + 5
            while any(map(alive, pids)) and time.monotonic() < deadline:
                time.sleep(0.05)
        shutil.rmtree(self.folder, ignore_errors=True)


def start_or_skip() -> Cluster:
    """A container may hold the programs and yet not let them run."""
    try:
        return Cluster()
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"Slurm does not start here: {error}")


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()

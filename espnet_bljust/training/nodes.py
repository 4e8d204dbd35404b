"""One training as several processes: one a GPU on every node, numbered by torchrun's variables, which ESPnet reads.

    RANK = LOCAL_RANK + GPUs of a node x number of the node, WORLD_SIZE = GPUs of a node x nodes,
    MASTER_ADDR and MASTER_PORT: where the process of RANK 0 listens

The number of the node is Slurm's: srun starts one `bin.train` on each. torchrun may do the same by hand; here it does
not, since it dies of SIGUSR1 and makes every bad status 1, and a training that is asked to make room writes its
checkpoint and ends with 85 (REQUEUE_CODE).
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence

from espnet_bljust.errors import InputError
from espnet_bljust.training.stopping import REQUEUE_CODE

GRACE_SECONDS = 60.0  # for the others once one process has ended badly; without their partner they hang in a collective
FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
FIRST_PORT, NUM_PORTS = 15000, 15000  # below the range that systems hand out by themselves


def must_start(ngpu: int, num_nodes: int) -> bool:
    """Whether this process has to start those that train; not where torchrun or `start` has numbered it."""
    return max(1, ngpu) * num_nodes > 1 and "RANK" not in os.environ


def is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"


def worker_words(ngpu: int) -> list[str]:
    """ESPnet's options for a process that was numbered; none for one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ["--ngpu", str(ngpu)]
    return ["--ngpu", str(min(ngpu, 1)), "--multiprocessing_distributed", "false",
            "--dist_backend", "nccl" if ngpu > 0 else "gloo"]


def meeting_point(num_nodes: int, slurm: Mapping[str, str]) -> tuple[int, str, int]:
    """Number of this node, and where the first process listens. ``slurm``: the environment of one of srun's tasks."""
    if num_nodes == 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return 0, "127.0.0.1", free.getsockname()[1]
    if slurm.get("SLURM_STEP_NUM_NODES") != str(num_nodes) or slurm.get("SLURM_NTASKS") != str(num_nodes):
        raise InputError(f"--num_nodes {num_nodes}: srun has to start this command once on every node, or torchrun "
                         "once for every process. Set cmd_backend=slurm, or see docs/cluster.md.")
    turn = 8 * int(slurm["SLURM_JOB_ID"]) + int(slurm.get("SLURM_RESTART_COUNT") or 0)
    address = slurm.get("MASTER_ADDR") or slurm["SLURM_LAUNCH_NODE_IPADDR"]  # srun runs on the first node
    return int(slurm["SLURM_NODEID"]), address, int(slurm.get("MASTER_PORT") or FIRST_PORT + turn % NUM_PORTS)


def start(command: Sequence[str], ngpu: int, num_nodes: int) -> int:
    """Run the processes of this node to their end and pass signals on to them; the exit status of all."""
    signals: list[int] = []
    for number in FORWARDED:
        if signal.getsignal(number) != signal.SIG_IGN:  # as SIGHUP is under nohup
            signal.signal(number, lambda received, _frame: signals.append(received))
    node, address, port = meeting_point(num_nodes, os.environ)
    here = max(1, ngpu)
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1) // here)
    common = {**os.environ, "MASTER_ADDR": address, "MASTER_PORT": str(port), "WORLD_SIZE": str(here * num_nodes),
              "OMP_NUM_THREADS": str(threads)}
    processes = [subprocess.Popen(command, env={**common, "RANK": str(here * node + index), "LOCAL_RANK": str(index)})
                 for index in range(here)]
    codes = _wait(processes, signals)
    return next((code for code in codes if code not in (0, REQUEUE_CODE)), max(codes))


def _wait(processes: Sequence[subprocess.Popen], signals: list[int]) -> list[int]:
    """Exit statuses in the order of ending. After a bad end the others are asked to end, and killed if they do not."""
    running, codes, passed_on, deadline = list(processes), [], 0, float("inf")
    while running:
        time.sleep(0.1)
        for number in signals[passed_on:]:
            _send(running, number)
            passed_on += 1
        for process in [each for each in running if each.poll() is not None]:
            running.remove(process)
            codes.append(process.returncode if process.returncode >= 0 else 128 - process.returncode)
        if any(codes) and deadline == float("inf"):
            _send(running, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
        if time.monotonic() > deadline:
            _send(running, signal.SIGKILL)
    return codes


def _send(processes: Sequence[subprocess.Popen], number: int) -> None:
    for process in processes:
        process.send_signal(number)

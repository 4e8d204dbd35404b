"""A recipe on Slurm: the same files as on this machine, arrays for the parallel stages, and plans that say so."""

import re
import shutil

import pytest

from tests.helpers import cluster as slurm

needs_slurm = pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())


@pytest.fixture
def cluster():
    started = slurm.start_or_skip()
    yield started
    started.stop()


def dumped(recipe):
    """Files of stages 3 and 4; the number of the job that wrote a recording, in its path, left out."""
    def unnumbered(path):
        return re.sub(r"format\.\d", "format", path)

    return {unnumbered(name): unnumbered(content.decode("latin-1")) for name, content in recipe.files().items()
            if name.startswith("dump/raw/") and "/logs/" not in name}


@needs_slurm
def test_data_stages_through_slurm_make_the_same_files(finished, cluster):
    expected = dumped(finished)
    shutil.rmtree(finished.folder / "dump")
    finished.environment |= {**cluster.environment, "PYTHONPATH": finished.environment["PYTHONPATH"],
                             "cmd_backend": "slurm"}
    output = finished.run("--stage", "3", "--stop_stage", "4")
    assert dumped(finished) == expected
    assert len(re.findall(r"slurm.py: dump/raw/logs/format_\w+.JOB.log: job \d+, tasks: 2\.", output)) == 4


def test_plans_name_the_backend_and_the_machines(finished):
    def plan(backend, *words, code=0):
        finished.environment["cmd_backend"] = backend
        return finished.run("--dry_run", "true", *words, code=code)

    output = plan("local", "--stage", "3", "--stop_stage", "3", "--audio_format", "wav")
    assert "backend local: jobs run on this machine, by run.py\n" in output
    output = plan("slurm", "--stage", "7", "--stop_stage", "9", "--ngpu", "4", "--num_nodes", "2")
    by = "backend slurm: jobs go to Slurm through sbatch, by slurm.py --requeue true --signal B:USR1@300"
    assert f"{by}; training on nodes: 2, GPUs of each: 4\n" in output and f"{by}\n" in output
    assert re.search(r"\$ slurm.py --requeue true --signal B:USR1@300 --gpu 4 --num-threads 8 --num-nodes 2 "
                     r"\S+train_joint.log srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --wait=120 python3 -m "
                     r"\S+train .*--num_nodes 2 .*--ngpu 4 ", output)
    assert "--num_nodes 2: this is one machine. Set cmd_backend=slurm" in plan("local", "--num_nodes", "2", code=1)
    assert "cmd_backend=nonsense is neither local, nor slurm, nor a launcher on the PATH" in plan("nonsense", code=1)

"""What a plan costs on 1 to 512 GPUs, as a table with its assumptions and warnings."""


from espnet_bljust import markdown
from espnet_bljust.planning.cost_model import Cluster, Cost
from espnet_bljust.planning.cost_rates import Speed
from espnet_bljust.planning.cost_task import Task
from espnet_bljust.planning.estimate import BYTES_PER_HOUR, FLAC_RATIO
from espnet_bljust.planning.plan_report import disk_gb
from espnet_bljust.progress import duration


def bytes_lines(task: Task) -> list[str]:
    """Disk and reading, which the number of GPUs does not change."""
    consumed = zip(task.plan.consumed(task.plan.num_steps), task.settings.optimisation.update_seconds, strict=True)
    hours = sum(steps * seconds for steps, seconds in consumed) / 3600
    stored = [value for value in task.hours.values() if value is not None]
    rate = BYTES_PER_HOUR * FLAC_RATIO
    disk = [f"{disk_gb(task.sizes, task.settings.run):.1f} GB for checkpoints and packs"]
    if stored:
        disk.append(f"{sum(stored) * rate / 1e9:.1f} GB for {sum(stored):,.0f} h of audio as FLAC")
    return [f"Disk: {', '.join(disk)}. Read from it: {hours:,.0f} h of audio, {hours * rate / 1e12:.2f} TB, "
            f"{hours * rate / task.plan.num_steps / 1e6:.1f} MB an update."]


def assumptions(speed: Speed, cluster: Cluster, task: Task) -> list[str]:
    """Everything that the table rests on, and how to do better."""
    labelled, pool = task.settings.optimisation.update_seconds
    hours = [1 / each for each in speed.rates]
    evaluated = "" if task.hours["valid"] else " Evaluation is not counted: --valid_hours is not known."
    return [
        f"- Rate: {speed.source}: {hours[0]:,.1f} h of labelled and {hours[1]:,.1f} h of pool audio an hour and GPU. "
        "`local/plan.sh --measure true` measures this machine; --rate takes a rate of yours.",
        f"- An update takes {labelled:g} s of labelled and {pool:g} s of pool audio (where its phase has them) on any "
        "number of GPUs: set accum_grad and both batch_seconds as the table says, and the updates stay the same.",
        f"- All-reduce: ring, 2 (P - 1) / P x {sum(task.sizes[:3]):,} parameters x 4 bytes by each GPU at every "
        f"micro-batch, at {cluster.bandwidth / 1e9:g} GB/s (--bandwidth); {100 * cluster.overlap:g} % of the backward "
        "pass hides it (--overlap, assumed). Latency and unequal shares are left out." + evaluated]


def table(task: Task, rows: list[Cost]) -> list[str]:
    """A line for each number of GPUs."""
    labelled, pool = task.settings.optimisation.update_seconds
    heads = ["GPUs", "accum_grad", "batch_seconds", "unlabelled_batch_seconds", "audio a GPU, s", "memory, GB",
             "s an update", "waiting", "wall time", "GPU hours", "sent a GPU and update, GB", "sent in all, TB"]
    lines = []
    for row in rows:
        sent = row.sent_bytes * row.processes * task.plan.num_steps / 1e12
        lines.append([
            row.processes, row.micro_batches, f"{labelled / row.micro_batches:.4g}",
            f"{pool / row.micro_batches:.4g}", f"{row.audio_seconds:.1f}",
            f"{row.memory_gb:.1f}" if row.fits else f"**{row.memory_gb:.1f}**", f"{row.update_seconds:.3g}",
            f"{100 * row.waiting_share:.0f} %", duration(row.wall_seconds), f"{row.process_hours:,.1f}",
            f"{row.sent_bytes / 1e9:.2f}", f"{sent:,.1f}"])  # fmt: skip
    return markdown.table(heads, lines)


def warnings(rows: list[Cost], cluster: Cluster) -> list[str]:
    """What speaks against some of the rows."""
    lines = []
    if too_big := [row.processes for row in rows if not row.fits]:
        lines.append(f"! {listed(too_big)} GPUs: weights, gradients and moments alone exceed a GPU's memory.")
    if small := [row.processes for row in rows if row.least_audio_seconds < cluster.least_seconds]:
        lines.append(f"! {listed(small)} GPUs: less than {cluster.least_seconds:g} s of audio a GPU and micro-batch in "
                     "some phase (--least_seconds): GPUs wait for whole utterances of others, and no rate holds.")
    slower = [row.processes for before, row in zip(rows, rows[1:], strict=False)
              if row.processes > before.processes and row.wall_seconds >= before.wall_seconds]
    if slower:
        lines.append(f"! {listed(slower)} GPUs take no less time than the number before: the all-reduce costs more "
                     "than they save.")
    return lines


def listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))

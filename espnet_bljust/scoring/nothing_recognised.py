"""After stage 13: where all hypotheses are empty, that is said, with the three likeliest reasons by what the run noted.

A reason that the training has left a trace of comes first; what is left of the three places goes to reasons that leave
none.
"""

from collections.abc import Sequence
from pathlib import Path

from espnet_bljust.data.kaldi.tables import walk_table
from espnet_bljust.scoring.history import History, read_history

REASONS = 3
RECOGNISED = 0.9  # error rate on dev below which training did teach something


def nothing_recognised(exp_dir: Path, datasets: Sequence[str]) -> str:
    """One line for the terminal, or nothing; ``datasets``: decode_<name>/<set>, whose ``text`` has the hypotheses."""
    count = 0
    for dataset in datasets:
        for _, _, text in walk_table(exp_dir / dataset / "text", [], allow_empty=True):
            if text.strip():
                return ""
            count += 1
    if not count:
        return ""
    path = exp_dir / "history.jsonl"
    found = reasons(read_history(path)) if path.is_file() else []
    listed = "; ".join(f"({number}) {reason}" for number, reason in enumerate([*found, *COMMON][:REASONS], 1))
    return f"nothing was recognised: all {count} hypotheses are empty. Likeliest: {listed}"


COMMON = (
    "too few supervised steps, or too high rates, to leave the blank plateau: more plan_conf.joint_steps, half of "
    "joint_rates, take_off: retry, or init_from published weights",
    "too few labels for a new network: a pre-trained one (--init_from), or --model_size tiny",
    "transcripts that do not belong to their audio: play some, and look at stage 6's report",
)


def reasons(history: History) -> list[str]:
    """Those of which the training left a trace, the likeliest first."""
    steps = history.train[-1]["step"] if history.train else 0
    last = {**(history.train[-1] if history.train else {}), **(history.valid[-1] if history.valid else {})}
    best = min((row["cer"] for row in history.valid if row.get("cer") is not None), default=1.0)
    found = []
    if best < RECOGNISED:
        found.append(f"dev was recognised in training (error rate {100 * best:.1f} %), so it is the search or the "
                     "weights: other --inference_asr_model, or --inference_config conf/decode_greedy.yaml")
    if (skipped := last.get("skipped_steps") or 0) >= 0.1 * max(1, steps):
        found.append(f"{skipped} of {steps} steps were not finite and moved nothing: lower the rates of theta and phi")
    if last.get("plateau"):
        found.append("CTC stayed at what the tokens' frequencies alone give: lower the rates of theta and phi, let "
                     "augmentation begin later (plan_conf.augment_start), or take_off: retry")
    if last.get("drowned"):
        found.append("the supervised gradient was drowned: lower plan_conf.gamma_max")
    if last.get("collapsed"):
        found.append("the codebook collapsed, and the trunk with it: lower the rates of theta and eta")
    return found

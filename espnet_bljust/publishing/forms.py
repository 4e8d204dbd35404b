"""A trained model in the form of another library, by the name of that library; the writers are in export.py."""

from pathlib import Path

from espnet_bljust.errors import InputError
from espnet_bljust.publishing.pack_files import zip_alone

FORMS = {"fairseq": ".pt", "torchaudio": ".pt", "espnet": ".zip", "huggingface": ""}  # endings; none: a folder
HEADS = ("ctc", "pretraining")


def export(exp_dir: Path, model: Path, form: str, head: str, out: Path) -> str:
    """Write ``out`` beside its place and rename it; what it is, and what was left out.

    model: file of weights; form: one of FORMS; head: one of HEADS.
    """
    if FORMS[form] and out.suffix != FORMS[form]:
        raise InputError(f"--out {out}: not a name for {form}. Name a file that ends in {FORMS[form]}.")
    if form == "espnet":
        return zip_alone(exp_dir, model, out)
    from espnet_bljust.publishing import export as writers  # torch and ESPnet: not for a zip that is refused
    from espnet_bljust.publishing.experiment import Experiment, of_wav2vec2

    experiment = of_wav2vec2(Experiment.read(exp_dir, model), form, head)
    out.parent.mkdir(parents=True, exist_ok=True)
    left_out = getattr(writers, f"write_{form}")(experiment, out, head)
    parts = sorted({".".join(name.split(".")[:2]).removeprefix("trunk.") for name in left_out})
    return (f"{out}: {form}, {head}, {len(experiment.state) - len(left_out)} tensors"
            + (f"; left out: {', '.join(parts)}" if parts else ""))

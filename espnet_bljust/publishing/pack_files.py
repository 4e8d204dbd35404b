"""The files that stage 14 and an export write: the pack, its zip, the Hugging Face directory."""

import contextlib
import io
import re
import tempfile
from pathlib import Path

from espnet_bljust.scoring.measured_with import Digested

ROW = re.compile(r"(?:\||Left out: )(decode_[^|,]+)[|,]")  # of a dataset, in RESULTS.md


def make_pack(exp_dir: Path, model: Path, out: Path, about: "About", huggingface: Path | None) -> str:  # noqa: F821
    """Stage 14: the Hugging Face directory, where one is named, the pack with its card beside ``out``, its zip ``out``.

    model: file of weights; returns what the zip is.
    """
    from espnet_bljust.publishing.experiment import Experiment
    from espnet_bljust.publishing.model_card import card, check_private

    experiment, weights = Experiment.read(exp_dir, model), Digested.of(model).sha256
    if huggingface is not None:
        write_huggingface(experiment, huggingface)
    documents = {"README.md": card(experiment, exp_dir, about, weights), **results_of(exp_dir, weights)}
    bpe_model = experiment.settings.network.bpe_model
    learned = {bpe_model: Path(bpe_model).read_bytes().decode("latin-1")} if bpe_model else {}  # may name its source
    check_private({**documents, **learned}.items(), exp_dir)
    pack(experiment, out, out.parent / "pack", documents)
    return line_of(out, experiment)


def write_huggingface(experiment: "Experiment", out: Path) -> None:  # noqa: F821
    """The directory of the same model, where Hugging Face has such a network."""
    from espnet_bljust.publishing import export as export_files
    from espnet_bljust.publishing.experiment import of_wav2vec2

    if experiment.elsewhere:
        export_files.write_huggingface(of_wav2vec2(experiment, "huggingface"), out, "ctc")
        print(f"{out}: {megabytes(out)}, loads with Wav2Vec2ForCTC.from_pretrained")
    else:
        print(f"{out}: not written, Hugging Face has no such trunk or head")


def pack(experiment: "Experiment", out: Path, folder: Path, documents: dict[str, str]) -> None:  # noqa: F821
    """``folder`` and its zip ``out``; ESPnet's own lines are kept off the terminal."""
    from espnet_bljust.publishing.pack import write_pack, write_zip

    with contextlib.redirect_stdout(io.StringIO()):
        write_pack(experiment, folder, documents)
    write_zip(folder, out)


def zip_alone(exp_dir: Path, model: Path, out: Path) -> str:
    """A pack without a card; what it is."""
    from espnet_bljust.publishing.experiment import Experiment

    experiment = Experiment.read(exp_dir, model)
    with tempfile.TemporaryDirectory() as folder:
        pack(experiment, out, Path(folder) / "pack", results_of(exp_dir, Digested.of(model).sha256))
    return line_of(out, experiment)


def results_of(exp_dir: Path, weights: str) -> dict[str, str]:
    """RESULTS.md, where stage 13 has written it: the rows that are of the weights of this digest."""
    from espnet_bljust.publishing.card_results import measured_of

    path, told = exp_dir / "RESULTS.md", measured_of(exp_dir, weights)
    if not path.is_file() or not told:
        return {}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return {path.name: "".join(line for line in lines if (row := ROW.match(line)) is None or row[1] in told)}


def line_of(out: Path, experiment: "Experiment") -> str:  # noqa: F821
    """How large a zip is, and what loads it."""
    loader = ("Speech2Text.from_pretrained" if experiment.elsewhere else
              "espnet_bljust.bin.recognise --model (not with stock ESPnet)")
    return f"{out}: {megabytes(out)}, loads with {loader}"


def megabytes(path: Path) -> str:
    """Of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"

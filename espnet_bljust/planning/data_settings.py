"""What a training configuration says of its data: where each set lies, and the tokens."""

from pathlib import Path
from typing import NamedTuple

from espnet_bljust.data.audio.reading import ARCHIVE

UNKNOWN_TOKENS = 30  # length of the token list that a dry run takes before stage 5


class Data(NamedTuple):
    """What stages 4 and 5 left for a training."""

    train_dir: Path  # dump/raw/<train_set>_labelled
    pool_dir: Path  # dump/raw/<train_set>_pool
    valid_dir: Path  # dump/raw/<valid_set>
    valid_pool_dir: Path | None  # speech for the self-supervised loss on dev; None: that of valid_dir
    token_list: Path  # tokens.txt
    token_type: str
    bpe_model: str = ""  # SentencePiece model, for the token type bpe

    @property
    def folders(self) -> dict[str, Path]:
        """By what their audio is for."""
        return {"labelled": self.train_dir, "pool": self.pool_dir, "valid": self.valid_dir}

    @property
    def tables(self) -> list[Path]:
        """That tell the lengths of all sets, and the transcripts."""
        return [*(folder / "utt2num_samples" for folder in self.folders.values()),
                self.train_dir / "text", self.valid_dir / "text"]

    def settings(self, *, may_be_absent: bool) -> dict:
        """Of them all; the token list is there, but where it ``may_be_absent``."""
        tokens = of_tokens(self.token_list, self.token_type, self.bpe_model, may_be_absent=may_be_absent)
        valid_pool = of_valid_pool(self.valid_pool_dir) if self.valid_pool_dir else {}
        return {**tokens, **of_sets(self.train_dir, self.pool_dir, self.valid_dir), **valid_pool}


def of_tokens(token_list: Path, token_type: str, bpe_model: str, *, may_be_absent: bool) -> dict:
    """Of the token list; one that may be absent, and is, has names of its own."""
    return {"token_type": token_type, "bpemodel": bpe_model or None,
            "token_list": read_tokens(token_list, may_be_absent)}


def of_sets(train_dir: Path, pool_dir: Path, valid_dir: Path) -> dict:
    """Of the labelled set, the self-supervised pool and the dev set, as stage 4 left them."""
    folders = {"train": train_dir, "valid": valid_dir, "unlabelled": pool_dir}
    return {
        **{f"{name}_data_path_and_name_and_type": _sources(folder, text=name != "unlabelled")
           for name, folder in folders.items()},
        **{f"{name}_shape_file": [str(folder / "utt2num_samples")] for name, folder in folders.items()},
    }


def of_valid_pool(folder: Path) -> dict:
    """Of speech for the self-supervised loss on dev."""
    return {"valid_pool_path_and_name_and_type": _sources(folder, text=False),
            "valid_pool_shape_file": [str(folder / "utt2num_samples")]}


def read_tokens(path: Path, may_be_absent: bool) -> list[str]:
    """One token a line, in the order of their ids."""
    if may_be_absent and not path.exists():
        return [f"<token{index}>" for index in range(UNKNOWN_TOKENS)]
    tokens = path.read_text(encoding="utf-8").split("\n")
    return tokens[:-1] if tokens[-1] == "" else tokens


def _sources(folder: Path, text: bool) -> list[list[str]]:
    audio = [str(folder / "wav.scp"), "speech", _kind(folder / "wav.scp")]
    return [audio, [str(folder / "text"), "text", "text"]] if text else [audio]


def _kind(wavs: Path) -> str:
    """What ESPnet calls the audio: stage 3 writes all of a set in one form."""
    if not wavs.exists():  # yet, in a dry run
        return "sound"
    with wavs.open(encoding="utf-8") as file:
        entry = file.readline().partition(" ")[2].strip()
    return "kaldi_ark" if ARCHIVE.fullmatch(entry) and not Path(entry).exists() else "sound"

"""Hypotheses of one data set against its references: score_{wer,cer,ter}/{ref.trn,hyp.trn,result.txt}.

Units of the WER are words, of the CER characters with <space>, of the TER the tokens that the tokenizer makes of the
text on both sides, as in stage 13 of ESPnet's asr.sh. Rates are those of the corpus: all edits / all reference units.
The TER of phones is the PER; some tokens may count as others in it, as TIMIT's 48 phones are scored on 39.
Characters are counted a second time without accents and tone marks where that is asked for: score_cer_unmarked.
"""

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from espnet_bljust.data.kaldi.tables import read_table
from espnet_bljust.data.text.normalise import without_marks
from espnet_bljust.data.text.tokens import Splitter, Tokenizer, make_splitter
from espnet_bljust.disk.files import write_atomic
from espnet_bljust.disk.text_file import read_lines
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.confusion import RESULT, Confusion, count, write_confusion
from espnet_bljust.scoring.confusion_figure import draw_confusion
from espnet_bljust.scoring.counts import Counts, count_alignment, total
from espnet_bljust.scoring.results import UNMARKED
from espnet_bljust.scoring.same_utterances import read_sides
from espnet_bljust.scoring.sclite_result import result_text, score_units
from espnet_bljust.scoring.trn import trn_text, units


def score_set(
    ref: Path, hyp: Path, out_dir: Path, *, tokenizer: Tokenizer, silent: Collection[str] = (),
    fold: Mapping[str, str] | None = None, fold_marks: bool = False,
) -> dict[str, Counts]:
    """Kind of score (wer, cer, ter, on request cer_unmarked) -> counts, of the files ``ref`` and ``hyp``.

    utt2spk beside ``ref`` names speakers. tokenizer: makes the units of the TER; silent: words that are no speech, left
    out on both sides; fold: token -> the token that it counts as, for the TER; fold_marks: count characters without
    their marks, too.
    """
    references, hypotheses = read_sides(ref, hyp)
    utt2spk, silent = ref.with_name("utt2spk"), frozenset(silent)
    speakers = read_table(utt2spk) if utt2spk.is_file() else {}
    splitters: dict[str, Splitter | Tokenizer] = {
        "wer": make_splitter("word"), "cer": make_splitter("char"), "ter": tokenizer}
    folds = {"ter": lambda unit: (fold or {}).get(unit, unit), UNMARKED: without_marks}
    if fold_marks:
        splitters[UNMARKED] = splitters["cer"]
    else:
        shutil.rmtree(out_dir / f"score_{UNMARKED}", ignore_errors=True)  # of an earlier decoding
    counts = {}
    for kind, splitter in splitters.items():
        counted_as = folds.get(kind, str)
        sides = (  # a mark that is a character of its own leaves nothing
            {utterance: [*filter(None, map(counted_as, units(text, splitter.tokens, silent)))]
             for utterance, text in side.items()}
            for side in (references, hypotheses)
        )
        counts[kind] = write_score(out_dir / f"score_{kind}", *sides, speakers)
    return counts


def score_classes(ref: Path, hyp: Path, out_dir: Path) -> Confusion:
    """Of a classification: confusion.json and confusion.png; both files hold one class an utterance."""
    confusion = count(*read_sides(ref, hyp))
    out_dir.mkdir(parents=True, exist_ok=True)
    write_confusion(out_dir / RESULT, confusion)
    draw_confusion(confusion, out_dir / "confusion.png", title=out_dir.parent.name)
    return confusion


def read_fold(path: Path) -> dict[str, str]:
    """Token -> the token that it counts as; tokens that are not in the file count as themselves."""
    fold = {}
    for number, line in enumerate(read_lines(path), 1):
        words = line.split()
        if len(words) != 2 or words[0] in fold:
            raise InputError(f"{path}:{number}: {line!r} is not 'token counted_as', once a token. Mend the line.")
        fold[words[0]] = words[1]
    if chain := sorted(set(fold.values()) & fold.keys()):
        raise InputError(f"{path}: {chain[0]} is counted as another token, others count as it. Name the last one.")
    return fold


def write_score(folder: Path, references: Mapping, hypotheses: Mapping, speakers: Mapping[str, str]) -> Counts:
    """The three files of one kind of score; returns its counts."""
    scored = score_units(references, hypotheses, speakers)
    counts = total(count_alignment(one.alignment) for one in scored)
    if not counts.words:
        raise InputError(f"{folder}: the references hold no word, so that there is no rate. Check the text of the set.")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "ref.trn", trn_text(references, speakers))
    write_atomic(folder / "hyp.trn", trn_text(hypotheses, speakers))
    write_atomic(folder / "result.txt", result_text(scored))
    return counts

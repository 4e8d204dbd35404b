"""Score the hypotheses of one data set: score_{wer,cer,ter}/{ref.trn,hyp.trn,result.txt} under --out_dir.

Units of the WER are words, of the CER characters with <space>, of the TER the tokens that the tokenizer makes of the
text on both sides, as in stage 13 of ESPnet's asr.sh. Rates are those of the corpus: all edits / all reference units.
The TER of phones is the PER; --fold_tokens names tokens that count as one in it, as TIMIT's 48 phones are scored on 39.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.errors import InputError
from espnet_bljust.scoring.counts import Counts, count_alignment, total
from espnet_bljust.scoring.same_utterances import check_same_utterances


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ref", type=Path, required=True, help="text of the set; utt2spk beside it names speakers")
    parser.add_argument("--hyp", type=Path, required=True, help="text of the decoder, same utterances")
    parser.add_argument("--token_list", required=True, help="tokens.txt")
    parser.add_argument("--token_type", required=True, choices=["bpe", "char", "word", "phn"])
    parser.add_argument("--bpe_model", default=None, help="bpe.model, for --token_type bpe")
    parser.add_argument("--nlsyms_txt", default="none", help="file of words that are no speech, left out on both sides")
    parser.add_argument("--fold_tokens", type=Path, default=None, help="file of 'token counted_as' lines, for the TER")
    parser.add_argument("--out_dir", type=Path, required=True, help="decode_<name>/<set>")
    return parser


def main(options: argparse.Namespace) -> None:
    """Check that both sides hold the same utterances, count, write."""
    from espnet_bljust.data.kaldi.tables import read_table
    from espnet_bljust.data.text.tokens import load_tokenizer, make_splitter, read_symbols
    from espnet_bljust.scoring.results import rate_names
    from espnet_bljust.scoring.trn import units

    references, hypotheses = read_table(options.ref), read_table(options.hyp, allow_empty=True)
    check_same_utterances(references, hypotheses, options)
    utt2spk = options.ref.with_name("utt2spk")
    speakers = read_table(utt2spk) if utt2spk.is_file() else {}
    silent = frozenset(read_symbols(options.nlsyms_txt))
    splitters = {
        "wer": make_splitter("word"),
        "cer": make_splitter("char"),
        "ter": load_tokenizer(options.token_type, options.token_list, options.bpe_model, options.nlsyms_txt),
    }
    fold = read_fold(options.fold_tokens) if options.fold_tokens else {}
    names, rates = rate_names(options.token_type), []
    for kind, splitter in splitters.items():
        same = fold if kind == "ter" else {}
        sides = (
            {utterance: [same.get(unit, unit) for unit in units(text, splitter.tokens, silent)]
             for utterance, text in side.items()}
            for side in (references, hypotheses)
        )
        counts = write_score(options.out_dir / f"score_{kind}", *sides, speakers)
        if kind in names:
            rates.append(f"{names[kind]} {100 * counts.error_rate:.1f} % ({counts.errors} of {counts.words})")
    print(f"{options.out_dir}: {', '.join(rates)}, {len(references)} utterances")


def read_fold(path: Path) -> dict[str, str]:
    """Token -> the token that it counts as; tokens that are not in the file count as themselves."""
    from espnet_bljust.disk.text_file import read_lines

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
    from espnet_bljust.disk.files import write_atomic
    from espnet_bljust.scoring.result import result_text, score_units
    from espnet_bljust.scoring.trn import trn_text

    scored = score_units(references, hypotheses, speakers)
    counts = total(count_alignment(one.alignment) for one in scored)
    if not counts.words:
        raise InputError(f"{folder}: the references hold no word, so that there is no rate. Check the text of the set.")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "ref.trn", trn_text(references, speakers))
    write_atomic(folder / "hyp.trn", trn_text(hypotheses, speakers))
    write_atomic(folder / "result.txt", result_text(scored))
    return counts


if __name__ == "__main__":
    run(build_parser(), main)

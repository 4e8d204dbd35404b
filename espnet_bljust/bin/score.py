"""Score the hypotheses of one data set: score_{wer,cer,ter}/{ref.trn,hyp.trn,result.txt} under --out_dir.

Units of the WER are words, of the CER characters with <space>, of the TER the tokens that the tokenizer makes of the
text on both sides, as in stage 13 of ESPnet's asr.sh. Rates are those of the corpus: all edits / all reference units.
The TER of phones is the PER; --fold_tokens names tokens that count as one in it, as TIMIT's 48 phones are scored on 39.
With --fold_marks true the characters are counted a second time without accents and tone marks, in score_cer_unmarked.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.data.text.tokens import load_tokenizer, read_symbols
from espnet_bljust.scoring.measured_with import note_scored
from espnet_bljust.scoring.results import rate_names
from espnet_bljust.scoring.score_set import read_fold, score_set


def main(options: argparse.Namespace) -> None:
    """Count, write, say the rates."""
    counts = score_set(
        options.ref, options.hyp, options.out_dir,
        tokenizer=load_tokenizer(options.token_type, options.token_list, options.bpe_model, options.nlsyms_txt),
        silent=read_symbols(options.nlsyms_txt), fold=read_fold(options.fold_tokens) if options.fold_tokens else None,
        fold_marks=options.fold_marks)
    note_scored(options.out_dir, options.ref, options.hyp)
    rates = [f"{name} {100 * counts[kind].error_rate:.1f} % ({counts[kind].errors} of {counts[kind].words})"
             for kind, name in rate_names(options.token_type, unmarked=options.fold_marks).items()]
    print(f"{options.out_dir}: {', '.join(rates)}, {counts['wer'].sentences} utterances")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ref", type=Path, required=True, help="text of the set; utt2spk beside it names speakers")
    parser.add_argument("--hyp", type=Path, required=True, help="text of the decoder, same utterances")
    parser.add_argument("--token_list", required=True, help="tokens.txt")
    parser.add_argument("--token_type", required=True, choices=["bpe", "char", "word", "phn"])
    parser.add_argument("--bpe_model", default=None, help="bpe.model, for --token_type bpe")
    parser.add_argument("--nlsyms_txt", default="none", help="file of words that are no speech, left out on both sides")
    parser.add_argument("--fold_tokens", type=Path, default=None, help="file of 'token counted_as' lines, for the TER")
    parser.add_argument("--fold_marks", type=true_false, default=False,
                        help="count characters also without accents and tone marks (default: false)")
    parser.add_argument("--out_dir", type=Path, required=True, help="decode_<name>/<set>")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)

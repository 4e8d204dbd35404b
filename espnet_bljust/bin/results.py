"""Gather the scores of an experiment in its RESULTS.md and print them as a table."""

import argparse
from pathlib import Path

from espnet_bljust.command import run


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment with decode_<name>/<set>/score_*")
    parser.add_argument("--decode_names", required=True, help="the <name>s that must have been scored, in quotes")
    parser.add_argument("--token_type", default="char", help="phn: the one rate is the phone error rate")
    parser.add_argument("--sets", required=True, help="data sets that must have been scored, in quotes")
    return parser


def main(options: argparse.Namespace) -> None:
    """Read the counts, write RESULTS.md, print."""
    from espnet_bljust.disk.files import write_atomic
    from espnet_bljust.scoring.confusion import RESULT, markdown_table, read_confusion
    from espnet_bljust.scoring.results import environment, markdown, printed_table, rate_names, read_results

    wanted = [f"decode_{decoding}/{name}" for name in options.sets.split() for decoding in options.decode_names.split()]
    results = read_results(options.exp_dir, wanted)
    names = rate_names(options.token_type)
    target = options.exp_dir / "RESULTS.md"
    text = markdown(options.exp_dir.resolve().name, environment(), results, names)
    paths = {dataset: options.exp_dir / dataset / "score_class" / RESULT for dataset in results}
    classes = {dataset: read_confusion(path) for dataset, path in paths.items() if path.is_file()}
    if classes:
        text += "\n" + markdown_table(classes)
    write_atomic(target, text)
    print(printed_table(results, names))
    for dataset, found in classes.items():
        print(f"{dataset}: {found.line()}")
    print(f"{target}: {len(results)} scored {'set' if len(results) == 1 else 'sets'}")


if __name__ == "__main__":
    run(build_parser(), main)

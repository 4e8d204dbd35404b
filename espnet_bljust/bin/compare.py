"""One comparison, as local/compare.sh runs it: arms x seeds of a description, each through run.sh in this folder.

The description (YAML) holds `name`, `seeds`, `test_set`, `reference` (an arm), `arms` (name -> options of run.sh) and,
if wanted, `options` of run.sh for all arms, `pairs` (arm -> the arm that it is compared with in the place of the
reference) and `published`: source, metric and figures (arm -> percent) that others report. asr_args of both are joined;
`groups` and `include` hold options that several arms share (comparison/groups.py). Every arm has the data of stages 1
to 6, made once with the first seed; run.sh itself says of each stage of a run whether it is up to date. Only
`test_set` is decoded: with the dev set in its place, a search for the best options never sees the test set.
With `tasks` in the place of `test_set`, every arm is trained and scored for each of them: comparison/tasks.py.

With `folds: N` (cross-validation of a classification; comparison/folds.py) every arm runs in each of N folds, whose
data local/data.py makes by its option --fold. With `pretraining` (options of run.sh; comparison/updates.py) the
description has no arms: --pretrain_updates makes them.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.comparison.actions import ACTIONS, act
from espnet_bljust.comparison.description import read_description
from espnet_bljust.comparison.outcome import Wanted
from espnet_bljust.comparison.runs import Recipe


def main(options: argparse.Namespace) -> None:
    """One of the actions."""
    arms = options.arms.split()
    description = read_description(options.config, arms=arms, pretrain_updates=options.pretrain_updates,
                                   expdir=options.expdir, score=options.score)
    recipe = Recipe(options.expdir, options.dumpdir, options.ngpu, options.run_args.split(), options.dry_run)
    act(options.action, description, options.number, recipe, Wanted(options.score, options.draws, arms))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="description of the comparison")
    parser.add_argument("--action", required=True, choices=ACTIONS,
                        help="print name and counts of runs and data; make data; pre-train; one run; write the table")
    parser.add_argument("--arms", default="", help="only these of the description and its reference, as 'bljust ptft'")
    parser.add_argument("--number", type=int, default=1, help="of the run, or of the data, from 1")
    parser.add_argument("--pretrain_updates", default="", help="fine-tune from the weights after these, as '50k 100k'")
    parser.add_argument("--dry_run", type=true_false, default=False, help="show the call of run.sh and do not make it")
    parser.add_argument("--expdir", type=Path, default=Path("exp"))
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"))
    parser.add_argument("--ngpu", type=int, default=0)
    parser.add_argument("--run_args", default="", help="more options of run.sh for every run")
    parser.add_argument("--score", choices=("wer", "cer", "ter"), default="wer", help="what the table is of")
    parser.add_argument("--draws", type=int, default=10000, help="of the bootstrap")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)

"""Stage 7: the whole training configuration, the plan, and everything that can fail cheaply before a long run.

Writes exp/<tag>/train.yaml (a run can be repeated from it alone), plan.json and stats.md: parameters by role,
passes over each kind of audio, memory, disk. Utterances too short for their transcripts in CTC are listed here. The
time that training will take is printed only: it is measured, and what is written is the same at every run.
"""

import argparse
from pathlib import Path

from espnet_bljust.bilevel.plan_options import METHODS
from espnet_bljust.command import days, run, seed, true_false
from espnet_bljust.planning import keys_page
from espnet_bljust.planning.data_settings import Data
from espnet_bljust.planning.limits import Limits
from espnet_bljust.planning.prepare import Configuration, prepare
from espnet_bljust.planning.settings import HEADS


def main(options: argparse.Namespace) -> None:
    """Write the three files, or with --dry_run print what they would say."""
    configuration = Configuration(options.size_config, options.config, options.set, options.method, options.task,
                                  options.seed, options.init_from, options.skip_broken,
                                  Limits(options.gpu, options.max_days, options.rates))
    data = Data(options.train_dir, options.pool_dir, options.valid_dir, options.valid_pool_dir, options.token_list,
                options.token_type, options.bpe_model)
    print(prepare(configuration, data, options.exp_dir, num_gpus=options.ngpu, dry_run=options.dry_run))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, epilog=keys_page.lines(),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in (("config", "training configuration, conf/train_*.yaml"),
                       ("size_config", "conf/size/<size>.yaml"),
                       ("exp_dir", "exp/<tag>"), ("train_dir", "dump/raw/<train_set>_labelled"),
                       ("pool_dir", "dump/raw/<train_set>_pool"), ("valid_dir", "dump/raw/<valid_set>"),
                       ("token_list", "tokens.txt of stage 5")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    parser.add_argument("--token_type", required=True, choices=("char", "bpe", "word", "phn"))
    parser.add_argument("--bpe_model", default="", help="SentencePiece model of stage 5, for token_type bpe")
    parser.add_argument("--valid_pool_dir", type=Path, help="speech for the self-supervised loss on dev (default: dev)")
    parser.add_argument("--task", choices=tuple(HEADS), default="recognition", help="what the supervised head says")
    parser.add_argument("--method", default="bljust", help=", ".join(METHODS))
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--init_from", default="", help="weights to start from: a file, or a Hugging Face directory")
    parser.add_argument("--ngpu", type=int, default=0, help="GPUs that training will have, for the estimate of time")
    parser.add_argument("--gpu", default="", help="GPU that trains, where it is not here: GB, or a name in --rates")
    parser.add_argument("--rates", type=Path, default=Limits().rates, help="rates of GPUs (default: conf/rates.yaml)")
    parser.add_argument("--max_days", type=days, default=Limits().max_days,
                        help="stop where training would take longer (default: 14; 0: however long)")
    parser.add_argument("--skip_broken", type=true_false, default=False,
                        help="training utterances too short for their transcripts go to the pool (default: false)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="change one key of the configuration, e.g. plan_conf.gamma_max=3")
    parser.add_argument("--dry_run", type=true_false, default=False, help="print the report, write nothing")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)

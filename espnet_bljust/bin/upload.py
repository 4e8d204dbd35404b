"""Stage 15: list the files that would be published through huggingface_hub; `--dry_run false` sends them.

The repository holds the files of exp/<tag>/pack, so that ESPnet's Speech2Text.from_pretrained("user/name") finds them,
and beside them those of exp/<tag>/huggingface for transformers, all in one commit; what has arrived is not sent again.
The token is that of `hf auth login`, or HF_TOKEN; no option, file or message of ours holds it.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run, true_false
from espnet_bljust.publishing.hub import publish


def main(options: argparse.Namespace) -> None:
    """List the files, or send them."""
    print(publish(options.exp_dir, options.hf_repo, dry_run=options.dry_run))


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment whose stage 14 is done")
    parser.add_argument("--hf_repo", required=True, help="user/name; the token comes from `hf auth login`")
    parser.add_argument("--dry_run", type=true_false, default=True,
                        help="list the files and send nothing (default: true)")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)

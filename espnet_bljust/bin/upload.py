"""Stage 15: publish a pack through huggingface_hub. `--dry_run true` prints the exact files and sends nothing.

The repository holds the files of exp/<tag>/pack, so that ESPnet's Speech2Text.from_pretrained("user/name") finds them,
and beside them those of exp/<tag>/huggingface for transformers, all in one commit; what has arrived is not sent again.
The token is that of `hf auth login`, or HF_TOKEN; no option, file or message of ours holds it.
"""

import argparse
from pathlib import Path

from espnet_bljust.command import run
from espnet_bljust.publishing.hub import check_licence, check_name, published_files, send


def main(options: argparse.Namespace) -> None:
    """Check name, licence and files, then list them or send them."""
    entries = published_files(options.exp_dir)
    check_name(options.hf_repo)
    check_licence(options.exp_dir / "pack" / "README.md")
    size = f"{len(entries)} files, {sum(entry.size for entry in entries) / 1e6:.1f} MB"
    if options.dry_run == "true":
        for entry in entries:
            print(f"would upload {entry.path} ({entry.size} bytes) to {options.hf_repo}/{entry.name}")
        print(f"would upload {size}; --hf_dry_run false does")
        return
    send(entries, options.hf_repo)
    print(f"{options.hf_repo}: {size} published")


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp_dir", type=Path, required=True, help="experiment whose stage 14 is done")
    parser.add_argument("--hf_repo", required=True, help="user/name; the token comes from `hf auth login`")
    parser.add_argument("--dry_run", choices=("true", "false"), default="false")
    return parser


if __name__ == "__main__":
    run(get_parser(), main)

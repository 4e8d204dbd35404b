# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
TEDLIUM2=     # folder TEDLIUM_release2; empty: downloaded into downloads/tedlium2 (35 GB)
UNLABELLED=   # any folder of audio, made into data/unlabelled; then run.sh --unlabelled_sets unlabelled

# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
RAVDESS=      # folder with Actor_01 to Actor_24 in it; empty: downloaded into downloads/ravdess
UNLABELLED=   # any folder of audio, made into data/unlabelled; then run.sh --unlabelled_sets unlabelled

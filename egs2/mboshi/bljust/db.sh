# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
MBOSHI=       # folder with full_corpus_newsplit in it, as `git clone` makes it (README.md)
UNLABELLED=   # any folder of audio, made into data/unlabelled; then run.sh --unlabelled_sets unlabelled

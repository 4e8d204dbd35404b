# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
TIMIT=        # folder with TIMIT's TRAIN and TEST (LDC93S1)
UNLABELLED=   # any folder of audio, made into data/unlabelled; then run.sh --unlabelled_sets unlabelled

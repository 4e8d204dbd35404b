# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
LIBRISPEECH=   # folder with LibriSpeech/ or with train-clean-5, dev-clean-2 and test-clean; empty: downloaded into downloads

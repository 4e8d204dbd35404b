# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
LIBRISPEECH=          # folder with LibriSpeech/ or with its parts; empty: what is needed is downloaded into downloads
LIBRILIGHT_LIMITED=   # folder with librispeech_finetuning/ (10 min, 1 h, 10 h); empty: downloaded where it is asked for

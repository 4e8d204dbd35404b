# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where your audio lies, one a line; read as text by local/data.py, and its options go before these.
LABELLED=     # audio with transcripts: a folder, a Kaldi directory, or a table (docs/your_corpus.md)
UNLABELLED=   # audio without transcripts: the same forms; may stay empty

# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
COMMONVOICE=  # a release with <lang>/clips and <lang>/*.tsv, extracted or .tar.gz; you must fetch it (README.md)
COVOST=       # folder or .tar.gz with covost_v2.<lang>_en.tsv; empty: Common Voice's own splits

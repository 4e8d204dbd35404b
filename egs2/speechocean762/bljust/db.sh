# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
SPEECHOCEAN762=   # folder with speechocean762's train, test and WAVE; empty: downloaded into downloads/speechocean762
UNLABELLED=       # any folder of audio, made into data/unlabelled; then run.sh --unlabelled_sets unlabelled

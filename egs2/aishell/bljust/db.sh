# shellcheck shell=bash disable=SC2034  # read by local/data.py
# Where corpora lie on your disk, one a line; read as text by local/data.py, and its options go before these.
AISHELL1=   # folder with AISHELL-1's wav and transcript, or with data_aishell; empty: downloaded into downloads/aishell1
AISHELL2=   # folder with AISHELL-2's iOS/data, or with AISHELL-2/iOS/data; it is given out on request alone

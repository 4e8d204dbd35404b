"""The heads and their losses: CTC and classes (phi); wav2vec 2.0's and CPC's self-supervision (eta); masks.

May import: network.config, network.packed.
Begin with ctc.py; ssl_head.py, the contrastive loss.
"""

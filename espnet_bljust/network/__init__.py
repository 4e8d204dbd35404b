"""The networks: one trunk (theta) under a CTC or class head (phi) and a self-supervised head (eta).

Reads no file and logs nothing. packed/ holds the arithmetic of rows without padding, trunks/ and heads/ the parts,
convert/ the names that other libraries give to our parameters.

May import: network.config, network.packed, network.trunks, network.heads.
Begin with joint.py, both losses from one packed pass; systems.py lists trunks and objectives.
"""

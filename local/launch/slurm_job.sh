#!/bin/sh
# The script that slurm.py gives to sbatch: becomes its arguments, which no shell reads. Slurm's signals reach them.
exec "$@"

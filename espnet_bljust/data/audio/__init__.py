"""Audio files: read, written, judged by their headers, resampled, synthesised.

May import: disk.
Begin with reading.py, audio by an entry of wav.scp.
"""

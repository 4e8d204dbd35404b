"""What every room counts in."""

SAMPLE_RATE = 16_000  # Hz; audio of other rates is resampled before a network hears it

"""Stage 7 and the cost planner: the whole configuration, what cannot work, memory, time.

May import: bilevel, weights, training, scoring, disk, data, network.
Begin with settings.py, the configuration of a run; plan_report.py, stats.md.
"""

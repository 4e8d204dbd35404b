"""The method as mathematics: roles of parameters, the plan, the penalty, one joint step.

Knows neither speech, nor files, nor ESPnet; runs in a notebook with torch alone.

May import: nothing.
Begin with step.py, one update on one screen; then plan.py, what each step of a run does.
"""

"""Rehearsals of failures on embedded stores and real processes; see dev/gameday.py."""

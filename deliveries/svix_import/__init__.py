"""Brings applications, event types and endpoints here from an API like svix'.

Reads page by page (source.py), and stores by the same stages and rules as the API. Everything has
a fixed place here (placing.py), so a second run changes nothing, and a run that was cut short goes
on where it is missing something. What cannot be brought is named and left out; the rest goes on.
"""

from deliveries.svix_import.report import Report
from deliveries.svix_import.run import bring
from deliveries.svix_import.source import Source, SourceError, opened

__all__ = ["Report", "Source", "SourceError", "bring", "opened"]

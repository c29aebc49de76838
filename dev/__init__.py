"""The developer's environment: embedded stores, the services over them, and the commands of make.

Nothing here runs in production and nothing in the application imports it. Linux only: it leans on
prctl(2) and /proc so that no process outlives the command that started it.
"""

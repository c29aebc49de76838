"""The root of what these commands can fail with; each text tells the developer what to do."""


class DevError(Exception):
    """A command of the developer's environment cannot go on."""

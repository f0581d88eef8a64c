"""The one error of the embedded stack; its message is for people."""


class StackError(Exception):
    """Says what happened, where the log is and what to do."""

"""The errors of the embedded stack; their messages are for people."""


class StackError(Exception):
    """Says what happened, where the log is and what to do."""


class FolderError(StackError):
    """The data folder that was asked for cannot be used."""


class ModelFileError(StackError):
    """The model file that was asked for cannot be served."""

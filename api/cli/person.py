"""Who sits in front of the terminal."""

import getpass
import os


def person() -> str:
    try:
        return getpass.getuser()[:120] or f"uid {os.getuid()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}"

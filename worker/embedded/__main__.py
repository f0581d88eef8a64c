"""`python -m worker.embedded`: the detached supervisor, as `ensure` starts it. What it says goes to its log."""

import os
import sys
from datetime import UTC, datetime

from config import settings
from worker.embedded import stack


def say(line: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {line}", flush=True)


def main() -> int:
    os.environ.pop("BOTTED_API__KEY", None)  # of whoever happened to start us; none of the parts acts by it
    order = stack.order_given() or stack.Order(settings=settings.load(), commands=stack.Commands())
    try:
        stack.supervise(order.settings, idle_stop=True, report=say, commands=order.commands)
    except stack.StackError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

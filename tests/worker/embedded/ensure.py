"""`ensure` in a process of its own: prints the supervisor's id and the addresses, or says why not."""

import json
import sys
from pathlib import Path

from tests.worker.embedded.house import House
from worker.embedded.errors import StackError

if __name__ == "__main__":
    house = House(Path(sys.argv[1]))
    try:
        addresses = house.ensure()
    except StackError as error:
        sys.exit(str(error))
    print(json.dumps({"supervisor": house.running().supervisor.pid, **addresses.model_dump()}))
    if "--and-stop" in sys.argv:
        house.close()

"""``python -m tests.mongod FOLDER DATABASE``: an embedded MongoDB until standard input ends; prints its address."""

import sys
from pathlib import Path

from receiver.logs import configure_logs
from receiver.store.embedded import EmbeddedMongo

if __name__ == "__main__":
    configure_logs("error", "json")
    server = EmbeddedMongo(Path(sys.argv[1]), sys.argv[2], cache_mb=256)
    server.start()
    print(server.uri, flush=True)  # noqa: T201 - its answer
    sys.stdin.read()
    server.stop()

"""A webhook for the played Bot API to deliver to, where no real program is at hand."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of the header


class Receiver:
    """A webhook: takes what is posted, answers what it is told to, 200 otherwise.

    Attributes:
        seen: the updates in the order in which they came, each with the secret that came with it.
        statuses: what to answer next.
        arrived: released once per request; `open` holds the answers back while it is not set.
        most: how many requests were under way at once at most.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, Any], str | None]] = []
        self.statuses: list[int] = []
        self.arrived = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()
        self.busy = self.most = 0
        lock, receiver = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    receiver.busy += 1
                    receiver.most = max(receiver.most, receiver.busy)
                    receiver.seen.append((json.loads(body), self.headers[SECRET]))
                    status = receiver.statuses.pop(0) if receiver.statuses else 200
                receiver.arrived.release()
                receiver.open.wait(5)
                with lock:
                    receiver.busy -= 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def texts(self) -> list[str]:
        """The texts in the order in which they came."""
        return [update["message"]["text"] for update, _ in self.seen]

    def close(self) -> None:
        """Stop."""
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

"""A receiver of webhooks for the demo, as a process of its own.

`python -m dev.receiver PORT`: POSTs to /shop are refused with 503, then with 429 and Retry-After,
then accepted if the `standardwebhooks` package verifies them; POSTs to /dead always get 500.
`GET /receipts` tells what came. The signing secret is read from RECEIVER_SECRET.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

from standardwebhooks import Webhook, WebhookVerificationError

from dev.terminal import run

#: Seconds that the receiver asks to be left alone for; longer than the demo's schedule says.
RETRY_AFTER = 2


@dataclass(frozen=True)
class Receipt:
    path: str
    webhook_id: str
    status: int
    #: Whether the signature, its time and the exact bytes fit together.
    verified: bool


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, secret: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.receipts: list[Receipt] = []
        self._oracle = Webhook(secret)

    def judge(self, path: str, headers: dict[str, str], body: bytes) -> Receipt:
        verified = path == "/shop" and self._verifies(headers, body)
        status = self._status(path, verified=verified)
        receipt = Receipt(path, headers.get("webhook-id", ""), status, verified)
        self.receipts.append(receipt)
        return receipt

    def _verifies(self, headers: dict[str, str], body: bytes) -> bool:
        try:
            self._oracle.verify(body, headers)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def _status(self, path: str, *, verified: bool) -> int:
        if path == "/dead":
            return HTTPStatus.INTERNAL_SERVER_ERROR
        earlier = sum(receipt.path == path for receipt in self.receipts)
        refusals = [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS]
        if earlier < len(refusals):
            return refusals[earlier]
        return HTTPStatus.OK if verified else HTTPStatus.BAD_REQUEST


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receipt = self.server.judge(self.path, headers, body)
        self._answer(receipt.status, b"")

    def do_GET(self) -> None:
        receipts = [asdict(receipt) for receipt in self.server.receipts]
        self._answer(HTTPStatus.OK, json.dumps(receipts).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("retry-after", str(RETRY_AFTER))
        self.end_headers()
        self.wfile.write(body)


def main() -> NoReturn:
    receiver = Receiver(int(sys.argv[1]), os.environ["RECEIVER_SECRET"])
    try:
        receiver.serve_forever()
    finally:
        receiver.server_close()
    raise SystemExit(0)


if __name__ == "__main__":
    run(main)

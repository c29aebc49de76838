"""What the README tells a reader to paste works as it stands there."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx

from dev.ports import answers, free_port

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_the_receiver_of_one_line_answers_a_post_and_shows_it() -> None:
    (line,) = re.findall("^python3 -c .*$", README, re.MULTILINE)
    port = free_port("127.0.0.1")
    receiver = subprocess.Popen(
        ["/bin/sh", "-c", "exec " + line.replace("9000", str(port))],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with receiver:
        try:
            while not answers("127.0.0.1", port):
                assert receiver.poll() is None
                time.sleep(0.05)
            answer = httpx.post(f"http://127.0.0.1:{port}/", content=b'{"order": 1017}')
            assert receiver.stdout is not None
            shown = receiver.stdout.readline()
        finally:
            receiver.send_signal(signal.SIGKILL)

    assert (answer.status_code, answer.content) == (204, b"")
    assert shown == "b'{\"order\": 1017}'\n"

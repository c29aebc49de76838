import os

import pytest

from dev.identity import NoServerUserError, server_user


def test_a_uid_without_a_name_is_told_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 2**31 - 5)

    with pytest.raises(NoServerUserError) as refused:
        server_user()

    assert "add it to /etc/passwd" in str(refused.value)
    # `make demo` and `make up` run no stores but their own.
    assert "`make test` also runs on servers of your own" in str(refused.value)

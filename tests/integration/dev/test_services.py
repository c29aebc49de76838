from pathlib import Path

from dev.guardian import Guardian
from dev.services import Plan, Services


def test_what_processes_leave_in_their_temporary_directory_goes_with_them(tmp_path: Path) -> None:
    guardian = Guardian()
    plan = Plan("postgresql://", "redis://", "secret", "ring", run_dir=tmp_path)
    services = Services(plan, guardian)
    temporary = Path(services.environment["TMPDIR"])
    (temporary / "pymp-12345678").mkdir()

    guardian.close()

    assert temporary != tmp_path
    assert not temporary.exists()
    assert {process.environment["TMPDIR"] for process in services.processes} == {str(temporary)}

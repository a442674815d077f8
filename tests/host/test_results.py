# What the tests' own report does with a test that failed beside others: once more, alone, and never in silence.

import pytest
import results
from results import CPYTHON, UNIX, Report

CALLS, SRTP, URI = "interop/test_calls.py", "interop/test_srtp.py", "unit/test_uri.py"


@pytest.fixture
def report(capsys):
    return Report([CALLS, SRTP, URI], "", required=True)


def fail(report, file, test, text="assert 19.2 > 25", lane=CPYTHON):
    report.event(lane, file, test, "FAIL", 10, text)


def test_what_failed_for_want_of_time_and_passes_alone_has_not_failed_the_run_but_is_named(report, capsys):
    report.event(CPYTHON, CALLS, "test_a", "ok")
    fail(report, CALLS, "test_b[pjsua]")
    fail(report, CALLS, "test_b[pjsua]", "and its end, too")
    assert report.doubtful() == [(CALLS, "test_b[pjsua]")]
    report.second(CALLS, "test_b[pjsua]", True)
    assert report.close() == 0
    said = capsys.readouterr().out
    assert "UNSTEADY  CPython  interop/test_calls.py  test_b[pjsua]" in said and "assert 19.2 > 25" in said
    assert said.endswith("2 passed, 1 of them alone only, 0 failed\n")


def test_what_fails_twice_has_failed(report, capsys):
    report.event(CPYTHON, CALLS, "test_a", "ok")
    fail(report, CALLS, "test_b")
    report.second(CALLS, "test_b", False)
    assert report.close() == 1
    assert "FAILED  CPython  interop/test_calls.py  test_b" in capsys.readouterr().out


@pytest.mark.parametrize(
    "file, test, text, lane",
    [
        (URI, "test_b", "assert 1 == 2", CPYTHON),  # it keeps no time
        (URI, "test_b", "assert 1 == 2", UNIX),
        (CALLS, "import", "SyntaxError", CPYTHON),
        (CALLS, "", "pytest ended with status -11", CPYTHON),
        (CALLS, "test_b", "sox not installed (make peers)", CPYTHON),
    ],
)
def test_what_time_does_not_explain_is_not_run_again_nor_anything_with_it(report, file, test, text, lane):
    fail(report, SRTP, "test_c")
    assert report.doubtful()
    fail(report, file, test, text, lane)
    assert not report.doubtful()


def test_where_many_fail_it_is_not_the_machine(report):
    for i in range(results.MOST_AGAIN):
        fail(report, CALLS, f"test_{i}")
    assert len(report.doubtful()) == results.MOST_AGAIN
    fail(report, SRTP, "test_c")
    assert not report.doubtful()


def test_a_peer_that_is_missing_has_failed_where_it_is_required(report):
    report.event(CPYTHON, CALLS, "test_b", "skip", 0, "kamailio not installed (make peers)")
    assert not report.doubtful() and report.close() == 1

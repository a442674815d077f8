"""The report of a call: aligned, honest about what is missing, and good only when every check was."""

from siplet_tools.report import Report, media_rows


def test_the_table_is_straight_whatever_stands_in_it():
    report = Report("One call", ["door phone", "indoor phone"])
    media_rows(report, {"sent": 250, "received": 249, "lost": 1, "jitter": 0.25, "delay": 40.0}, None)
    report.rule()
    report.row("speech heard", "98.2 %")
    report.check(True, "the relay opened")
    lines = report.text().splitlines()
    table = lines[1 : lines.index("✓ the relay opened")]
    assert len({len(line) for line in table}) == 1
    assert "0.2 ms" in report.text() and "40 ms" in report.text()
    late = next(line for line in table if "late" in line)
    assert late.count("–") == 2
    assert report.text(plain=True).isascii()
    assert "\033" not in report.text() and "\033[32m" in report.text(colour=True)


def test_a_report_is_good_only_when_all_its_checks_are():
    report = Report("One call", ["door phone"])
    assert not report.ok
    report.check(True, "heard")
    assert report.ok
    assert not report.check(False, "the relay opened")
    assert not report.ok and "✗ the relay opened" in report.text()

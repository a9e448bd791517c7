"""What a verification tells: causes before their echoes, in the shape that machines rely on."""

from __future__ import annotations

from replay.verify.report import APPLIED, CAUSES_FIRST, LAWS, Report


def test_a_report_without_a_difference() -> None:
    report = Report(events=3)
    report.laws["order"].expect(where="here", expected=1, found=1)
    assert report.as_dict() == {
        "ok": True,
        "events": 3,
        "laws": {law: {"ok": True, "checked": int(law == "order")} for law in LAWS},
        "first_difference": None,
        "notes": [],
    }


def test_an_altered_log_is_told_before_what_follows_from_it() -> None:
    report = Report()
    report.laws["folds"].differ(where="a cell", expected=1, found=2)
    report.laws["chain"].differ(where="an event", expected="this", found="that")
    report.laws["chain"].differ(where="a later event", expected="this", found="that")
    told = report.as_dict()
    assert told["ok"] is False
    assert told["first_difference"] == {
        "law": "chain",
        "where": "an event",
        "expected": "this",
        "found": "that",
        "sentence": "an event: expected this, found that",
    }
    assert sorted(CAUSES_FIRST) == sorted((*LAWS, APPLIED))

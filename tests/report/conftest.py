"""The browser for the page's tests: Debian's chromium, or another of its family."""

from __future__ import annotations

import shutil

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (path := shutil.which(name))), None
)
collect_ignore = [] if BROWSER else ["test_browser.py"]


def pytest_report_header() -> list[str]:
    return [] if BROWSER else ["no chromium: tests/report/test_browser.py is left out; apt-get install chromium"]

#!/usr/bin/env python3
"""meson_test.py BUILD SUITE: run one meson suite and count its test cases.

Meson counts programs; a cmocka program holds many tests, and says how many passed. A program
that dies before it says so counts as one failure. Prints what failed, then one sum.
"""
import json
import pathlib
import re
import subprocess
import sys

build, suite = pathlib.Path(sys.argv[1]), sys.argv[2]
log = build / "meson-logs" / f"testlog-{suite}.json"
run = subprocess.run(
    ["meson", "test", "-C", str(build), "--no-rebuild", "--suite", suite,
     "--logbase", f"testlog-{suite}", "--quiet"],
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

passed = failed = 0
rows = []
if log.exists() and "No suitable tests" not in run.stdout:
    rows = [json.loads(line) for line in log.read_text().splitlines() if line.strip()]
elif "No suitable tests" not in run.stdout:
    print(run.stdout)
    failed += 1
for row in rows:
    text = (row.get("stdout") or "") + (row.get("stderr") or "")
    good = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
    bad = sum(int(n) for n in re.findall(r"\[  FAILED  \] +(?:tests: )?(\d+) test", text))
    if row["result"] == "OK":
        passed += max(good, 1)
        continue
    passed += good
    failed += max(bad, 1)
    print(f"---- {row['name']}: {row['result']} ----")
    print(text[-6000:])
print(f"{suite}: {passed} passed, {failed} failed")
sys.exit(1 if failed else 0)

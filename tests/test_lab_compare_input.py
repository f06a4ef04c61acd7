"""``python -m lab compare``: mistakes that once ended in a traceback or a hang, and evaluations that were damaged."""

import subprocess
import sys
import threading

from conftest import ROOT


def test_what_a_worker_starts_does_not_wait_for_the_workers_input():
    child = "import subprocess, sys; print(subprocess.call([sys.executable, '-c', 'import sys; sys.stdin.read()']))"
    code = f"from lab.compare.worker import watch_parent; watch_parent(); {child}; import time; time.sleep(60)"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-u", "-c", code], cwd=ROOT, **pipes) as process:
        stuck = threading.Timer(20, process.kill)
        stuck.start()
        assert process.stdout.readline() == "0\n"  # nothing, where the child waited until all was killed
        stuck.cancel()
        process.stdin.close()
        assert process.wait(timeout=30) == 75

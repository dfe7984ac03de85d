"""The few lines that every test program here shares: options, counting, running the program."""
import argparse
import pathlib
import subprocess
import sys
import traceback


class Checks:
    """Runs functions named test_* of a module, counts them, ends with a line that CI reads."""

    ROOT = pathlib.Path(__file__).resolve().parents[2]

    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--bramble", required=True, type=pathlib.Path, help="the program under test")
        parser.add_argument("--work", required=True, type=pathlib.Path, help="scratch folder")
        parser.add_argument("--only", default="", help="run only tests whose name contains this")
        options = parser.parse_args()
        self.program = options.bramble.resolve()
        self.work = options.work
        self.work.mkdir(parents=True, exist_ok=True)
        self.only = options.only
        self.root = self.ROOT
        self.skipped = 0

    def skip(self, what):
        self.skipped += 1
        print(f"SKIPPED {what}")

    def run(self, *arguments, check=True, **keywords):
        """Runs the program; returns the finished process with text output."""
        done = subprocess.run([str(self.program), *map(str, arguments)], capture_output=True, text=True, timeout=900, **keywords)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done

    def main(self, namespace):
        passed = failed = 0
        for name, function in list(namespace.items()):
            if not name.startswith("test_") or self.only not in name:
                continue
            try:
                function(self)
                passed += 1
            except Exception:  # a test program reports every failure and goes on
                failed += 1
                print(f"FAILED {name}")
                traceback.print_exc(file=sys.stdout)
        print(f"{passed} passed, {failed} failed, {self.skipped} skipped")
        sys.exit(1 if failed or not passed else 0)

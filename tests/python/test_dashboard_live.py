"""The dashboard against the program itself, in a real browser: what the buttons do is what the simulation does, and what is
recorded reads back with a peer. BRAMBLE_SCREENSHOTS keeps pictures."""
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import time

from checks import Checks

try:
    from browser import Browser, Page, find_chromium
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_typestore
except ImportError:
    find_chromium = lambda: None  # noqa: E731

OPEN = "document.body.dataset.link === 'open'"
_browser = None


def browser():
    global _browser
    if _browser is None:
        _browser = Browser()
    return _browser


class Live:
    """The program with a dashboard, until the block ends; then it must end well on Ctrl-C."""

    def __init__(self, checks, *arguments, port=0):
        self.process = subprocess.Popen([str(checks.program), *map(str, arguments), "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env={**os.environ, "BRAMBLE_HOME": str(checks.root)})
        for line in self.process.stdout:
            if found := re.search(r"(http://\S+)", line):
                self.url = found[1]
                self.port = int(re.search(r":(\d+)/", self.url)[1])
                return
        raise AssertionError(f"no address was printed: {self.process.stderr.read()[-2000:]}")

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is not None:
            raise AssertionError(f"the program has ended by itself with {self.process.returncode}: {self.process.communicate()[1][-2000:]}")
        self.process.send_signal(signal.SIGINT)
        try:
            _, errors = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the program did not end on Ctrl-C") from None
        assert kind or self.process.returncode == 0, errors[-2000:]


def simulation(checks, *arguments, **keywords):
    """The default rig with small pictures and a tenth of its LiDARs' points: two cores also draw them without a GPU."""
    rig = json.loads((checks.root / "config/objects.json").read_text())
    for sensor in next(one for one in rig["objects"] if "sensors" in one)["sensors"]:
        if "lidar" in sensor["type"]:
            sensor |= {"channels": 16, "points_per_second": 131072}
    path = checks.work / "rig.json"
    path.write_text(json.dumps(rig))
    return Live(checks, "sim", "tiny", "--dashboard", "--size", "160x120", "--sensors", path, "--record-folder", checks.work / "bags", *arguments, **keywords)


def frames(panel):
    return f"Number(document.querySelector('#panel-{panel}').dataset.frames || 0)"


def picture(checks, page, name):
    folder = pathlib.Path(os.environ.get("BRAMBLE_SCREENSHOTS") or checks.work)
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(folder / f"{name}.png")


def number(page, expression):
    return float(page.evaluate(expression))


def pose(page):
    return tuple(number(page, f"document.querySelector('#panel-map').dataset.{axis}") for axis in "xy")


def watch_heading(page):
    """From now on `window.turned` is how many degrees the vehicle has turned to the left, full turns counted."""
    page.evaluate("""(() => { const pose = document.querySelector('.pose');
        const read = () => Number(/heading (\\S+)°/.exec(pose.textContent)[1].replace('−', '-'));
        let last = read(); window.turned = 0;
        new MutationObserver(() => { const now = read(); window.turned += (now - last + 540) % 360 - 180; last = now; })
            .observe(pose, {childList: true, characterData: true, subtree: true}); })()""")


def brightness(page):
    """Mean of the ego picture."""
    return page.evaluate("""(() => { const one = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
        const from = document.querySelector('#panel-ego canvas'); one.drawImage(from, 0, 0, 16, 12);
        const data = one.getImageData(0, 0, 16, 12).data; let sum = 0; for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
        return sum / 576; })()""")


def test_simulation_in_the_browser(checks):
    with simulation(checks) as live:
        page = Page(browser())
        page.open(live.url)
        for panel in ("view", "ego", "truth", "overlay", "lidar"):
            page.wait(f"{frames(panel)} >= 2", seconds=60, what=f"two frames in {panel}")
        assert int(page.evaluate("document.querySelector('#panel-lidar').dataset.points")) > 2000
        page.wait("document.querySelector('#panel-estimate .panel-hint').innerText.includes('--model')")
        picture(checks, page, "live_autopilot")

        # Pictures move while it drives.
        before = page.evaluate("document.querySelector('#panel-view canvas').toDataURL()")
        page.wait(f"document.querySelector('#panel-view canvas').toDataURL() !== {before!r}")

        # The arrow keys move the jeep, and left is left.
        page.press("KeyM", "m", "m")
        page.wait("document.body.classList.contains('manual')")
        page.key("Space", True)
        page.wait("parseFloat(document.querySelector('.speed').textContent) < 1", seconds=60, what="the jeep to stand")
        page.key("Space", False)
        begin = pose(page)
        watch_heading(page)
        page.key("ArrowUp", True)
        page.key("ArrowLeft", True)
        page.wait(f"Math.hypot(document.querySelector('#panel-map').dataset.x - {begin[0]}, document.querySelector('#panel-map').dataset.y - {begin[1]}) > 3", seconds=60,
                  what="three metres by hand")
        turned = number(page, "window.turned")
        picture(checks, page, "live_by_hand")
        page.key("ArrowLeft", False)
        page.key("ArrowUp", False)
        assert turned > 5, f"turned {turned}° to the left"
        page.press("KeyM", "m", "m")
        page.wait("!document.body.classList.contains('manual')")

        # Night falls when the sun goes below the horizon.
        day = brightness(page)
        page.evaluate("(() => { const sun = document.querySelector('#sun'); sun.value = -10; sun.dispatchEvent(new Event('input')); })()")
        for _ in range(100):
            if brightness(page) < 0.7 * day:
                break
            time.sleep(0.1)
        assert brightness(page) < 0.7 * day, f"{brightness(page)} after {day}"

        # A step is one frame.
        page.press("KeyP", "p", "p")
        page.wait("document.querySelector('.source').textContent.includes('paused')")
        time.sleep(0.5)
        frame = "Number(document.querySelector('.frame').textContent.replace(/\\D/g, ''))"
        at = page.evaluate(frame)
        page.press("Period", ".", ".")
        page.wait(f"{frame} === {at + 1}", what="one more frame")
        time.sleep(0.5)
        assert page.evaluate(frame) == at + 1
        assert page.errors == [], page.errors
        page.close()


def test_recordings_read_back(checks):
    with simulation(checks) as live:
        page = Page(browser())
        page.open(live.url)
        page.wait(f"{OPEN} && {frames('view')} >= 1", seconds=60)
        page.click(".record")
        count = "Number((/([\\d,]+) messages/.exec(document.querySelector('.sidebar').innerText) || [0, '0'])[1].replace(/,/g, ''))"
        page.wait("document.querySelector('.record.on')")
        page.wait(f"{count} > 100", seconds=60, what="a hundred recorded messages")
        page.click(".record")
        page.wait("!document.querySelector('.record.on')")
        time.sleep(0.5)
        said = page.evaluate(count)
        assert page.errors == [], page.errors
        page.close()
    (bag,) = [path.parent for path in (checks.work / "bags").rglob("metadata.yaml")]
    store = get_typestore(Stores.ROS2_HUMBLE)
    with Reader(bag) as reader:
        assert reader.message_count >= 100 and abs(reader.message_count - said) <= 60, (reader.message_count, said)
        recorded_s = reader.duration * 1e-9
        pictures = [store.deserialize_cdr(data, connection.msgtype) for connection, _, data in reader.messages() if connection.topic == "/carla/hero/rgb_front/image"]
    assert pictures and all((one.width, one.height, one.encoding) == (160, 120, "bgra8") for one in pictures)
    stamps = [one.header.stamp.sec + one.header.stamp.nanosec * 1e-9 for one in pictures]
    assert all(abs(b - a - 0.05) < 1e-6 for a, b in zip(stamps, stamps[1:])), "every frame is there, in order"

    # And the bag plays in the same page, with a scrubber.
    with Live(checks, "dashboard", bag, "--paused") as live:
        page = Page(browser())
        page.open(live.url)
        page.wait("!document.querySelector('.scrubber').hidden", seconds=60)
        duration = number(page, "document.querySelector('.scrubber input').max")
        assert math.isclose(duration, recorded_s, abs_tol=0.1), (duration, recorded_s)
        page.wait("document.querySelector('.source').textContent.includes('paused')")
        page.evaluate(f"(() => {{ const field = document.querySelector('.scrubber input'); field.value = {duration / 2}; field.dispatchEvent(new Event('input')); field.dispatchEvent(new Event('change')); }})()")
        page.wait(f"Math.abs(Number(document.querySelector('.scrubber input').value) - {duration / 2}) < 0.3 && !document.activeElement.matches('.scrubber input')")
        page.press("KeyP", "p", "p")
        page.wait(f"{frames('ego')} >= 1 && document.querySelector('.source').textContent.includes('ended')", what="pictures of the bag, and its end")
        picture(checks, page, "live_bag")
        assert page.errors == [], page.errors
        page.close()


def test_four_pages_and_a_program_that_comes_back(checks):
    live = simulation(checks)
    pages = [Page(browser(), 1000, 700) for _ in range(4)]
    for page in pages:
        page.open(live.url)
    for i, page in enumerate(pages):
        page.wait(f"{frames('view')} >= 2", seconds=90, what=f"pictures in page {i}")
    page.wait("/clients\\s+4/.test(document.querySelector('#panel-rate').textContent) || [...document.querySelectorAll('#panel-rate dd')].some(dd => dd.textContent === '4')")
    for page in pages[1:]:
        assert page.errors == [], page.errors
        page.close()
    page = pages[0]
    before = page.evaluate(frames("view"))
    live.kill()
    page.wait("!document.querySelector('.banner').hidden", what="the banner")
    with simulation(checks, port=live.port):
        page.wait(f"{OPEN} && document.querySelector('.banner').hidden", seconds=60, what="the connection to come back by itself")
        page.wait(f"{frames('view')} > {before}", seconds=60, what="pictures after that")
        page.close()


if __name__ == "__main__":
    checks = Checks()
    bundle = checks.program.parents[2] / "web/index.html"
    if find_chromium() is None or not bundle.exists():
        print("SKIPPED the live dashboard: Chromium, the peers or the bundle are not there (./bramble test sets them up)")
        print("1 passed, 0 failed, 1 skipped")
    else:
        try:
            checks.main(dict(globals()))
        finally:
            if _browser is not None:
                _browser.close()

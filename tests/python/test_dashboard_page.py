"""The dashboard in a real browser (Chromium without a window): against a scripted server whose contents are known, and against
the program. Set BRAMBLE_SCREENSHOTS to a folder to keep pictures of what was tested."""
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.request

from checks import Checks

try:
    import dashboard_server
    from browser import Browser, Page, find_chromium
    from dashboard_server import ScriptedServer
except ImportError as error:  # no peers
    find_chromium = lambda: None  # noqa: E731
    print(f"SKIPPED parts of the page's tests: {error}")

MASK = "/bramble/segmentation/mask/compressed"
VIEW = "/carla/hero/rgb_view/image/compressed"
CONTROL = "/carla/hero/vehicle_control_cmd"
FRONT = "/carla/hero/rgb_front/image"
OPEN = "document.body.dataset.link === 'open'"
_browser = None


def browser():
    global _browser
    if _browser is None:
        _browser = Browser()
    return _browser


def bundle(checks):
    return checks.program.parents[2] / "web"


def scripted(checks, **options):
    return ScriptedServer(bundle(checks), **options)


def frames(panel):
    return f"Number(document.querySelector('#panel-{panel}').dataset.frames || 0)"


def picture(checks, page, name):
    folder = os.environ.get("BRAMBLE_SCREENSHOTS")
    path = pathlib.Path(folder) if folder else checks.work
    path.mkdir(parents=True, exist_ok=True)
    page.screenshot(path / f"{name}.png")


def until(condition, what, seconds=90):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"in vain waited {seconds} s for {what}"
        time.sleep(0.05)
    return value


def pixel(page, panel, u, v):
    return page.evaluate(f"""(() => {{ const one = document.createElement('canvas').getContext('2d', {{willReadFrequently: true}});
        one.drawImage(document.querySelector('#panel-{panel} canvas'), {-u}, {-v}); return [...one.getImageData(0, 0, 1, 1).data]; }})()""")


def test_shows_what_is_sent(checks):
    with scripted(checks) as server:
        page = Page(browser())
        page.prefer("light")
        page.open(server.url)
        for panel in ("view", "ego", "truth", "estimate", "overlay", "difference", "lidar"):
            page.wait(f"{frames(panel)} >= 3", what=f"three frames in {panel}")
        assert page.evaluate("document.querySelector('#panel-lidar').dataset.points") == "14400"
        # Exactly a tenth of the pixels is wrong: masks arrive bit by bit, and truth and estimate of one moment are compared.
        assert page.evaluate("document.querySelector('#panel-difference').dataset.accuracy") == "0.900000"
        page.evaluate("document.querySelector('.transport button').click()")
        until(lambda: server.parameters["/bramble/paused"], "the pause")
        page.wait("/paused/.test(document.querySelector('.source').textContent)")
        time.sleep(1)
        truth, estimate = (pixel(page, panel, 5, 17) for panel in ("truth", "estimate"))
        colours = [[*entry["color"], 255] for entry in dashboard_server.ONTOLOGY]
        assert truth == estimate and truth in colours, (truth, estimate)
        assert colours.index(pixel(page, "estimate", 10, 17)) == (colours.index(pixel(page, "truth", 10, 17)) + 1) % len(colours)
        # What is drawn in 3D: colours of the ramp, not the empty background alone.
        drawn = page.evaluate("""new Promise(resolve => requestAnimationFrame(() => { const canvas = document.querySelector('#panel-lidar canvas');
            document.querySelector('[aria-label="View from above"]').click();
            requestAnimationFrame(() => { const copy = document.createElement('canvas'); copy.width = canvas.width; copy.height = canvas.height;
              const context = copy.getContext('2d'); context.drawImage(canvas, 0, 0);
              const data = context.getImageData(0, 0, copy.width, copy.height).data, seen = new Set();
              for (let i = 0; i < data.length; i += 4) if (Math.max(data[i], data[i+1], data[i+2]) - Math.min(data[i], data[i+1], data[i+2]) > 60) seen.add(data[i] >> 5 << 6 | data[i+1] >> 5 << 3 | data[i+2] >> 5);
              resolve(seen.size); }); }))""")
        assert drawn >= 5, f"{drawn} colours of points"
        frame = server.frame
        page.press("Period", ".", ".")
        until(lambda: server.frame == frame + 1, "one step")
        text = page.evaluate("document.querySelector('#panel-score').innerText")
        assert "rubble" in text and "39.0" in text, text
        picture(checks, page, "light")
        assert page.errors == [], page.errors
        page.close()


def test_hidden_panels_are_not_subscribed(checks):
    with scripted(checks) as server:
        page = Page(browser())
        page.open(server.url)
        page.wait(f"{frames('view')} >= 1 && {frames('lidar')} >= 1")
        mark = len(server.log)
        page.click("#panel-view [aria-label='Hide Third person']")
        until(lambda: ("unsubscribe", VIEW, None) in server.log[mark:], "unsubscribing of the hidden picture")
        page.click("#panel-lidar [aria-label='Hide LiDAR']")
        until(lambda: ("unsubscribe", "/carla/hero/lidar", None) in server.log[mark:], "unsubscribing of the hidden points")
        # The estimate's mask serves three panels: it goes with the last of them.
        for title in ("Estimate", "Overlay"):
            page.click(f"[aria-label='Hide {title}']")
        time.sleep(0.5)
        assert ("unsubscribe", MASK, None) not in server.log[mark:]
        page.click("[aria-label='Hide Difference']")
        until(lambda: ("unsubscribe", MASK, None) in server.log[mark:], "unsubscribing of the mask")
        # The choice outlives a reload, and the menu brings a panel back.
        page.open(server.url)
        page.wait(OPEN)
        assert page.evaluate("document.querySelector('#panel-view').hidden")
        page.evaluate("[...document.querySelectorAll('.menu label')].find(label => label.textContent === 'Third person').click()")
        page.wait(f"{frames('view')} >= 2")
        # A small window: what lies below its edge is not asked for.
        page.resize(820, 700)
        page.wait("document.querySelector('#panel-ego').getBoundingClientRect().top > innerHeight")
        until(lambda: ("unsubscribe", FRONT + "/compressed", None) in server.log[mark:], "unsubscribing below the window's edge")
        assert page.errors == [], page.errors
        page.close()


def test_lost_connections_come_back(checks):
    server = scripted(checks)
    page = Page(browser())
    page.open(server.url)
    page.wait(f"{frames('view')} >= 2 && {frames('truth')} >= 2")
    server.stop()
    page.wait("document.querySelector('.banner:not([hidden])')?.textContent.includes('Trying again in')", what="the banner")
    page.wait("document.querySelector('.banner').textContent.includes('still running')", what="the reason")
    picture(checks, page, "lost")
    before = page.evaluate(frames("view"))
    with scripted(checks, port=server.port) as again:
        page.click(".banner button")
        page.wait(f"{OPEN} && document.querySelector('.banner').hidden")
        page.wait(f"{frames('view')} > {before} + 2", what="pictures after the connection came back")
        assert ("subscribe", "/carla/hero/lidar", None) in again.log
        page.press("KeyM", "m", "m")
        until(lambda: again.parameters["/bramble/driver"] == "manual", "parameters after the connection came back")
    assert all("ERR_CONNECTION" in error or "WebSocket" in error or "Failed to load" in error for error in page.errors), page.errors
    page.close()


def test_damaged_messages_do_no_harm(checks):
    with scripted(checks) as server:
        page = Page(browser())
        page.open(server.url)
        page.wait(f"{frames('view')} >= 1 && {frames('lidar')} >= 1")
        for topic in (VIEW, MASK, "/carla/hero/lidar", "/tf", "/bramble/status", "/bramble/ontology", "/bramble/path"):
            for data in (b"", b"\x00\x01\x00", b"\x00\x01\x00\x00" + b"\xff" * 64, b"{"):
                server.inject(topic, data)
        for text in ("", "no json", "{}", "null", '{"op": "status"}', '{"op": "unadvertise", "channelIds": [77]}', '{"op": "advertise"}'):
            server.inject(None, text)
        server.inject(None, b"\x01\x02")
        before = page.evaluate(frames("view"))
        page.wait(f"{frames('view')} > {before} + 2 && {OPEN}", what="pictures after damaged messages")
        assert not any("Uncaught" in error for error in page.errors), page.errors
        page.close()


def test_drives_by_keyboard_gamepad_and_touch(checks):
    with scripted(checks) as server:
        page = Page(browser())
        page.open(server.url)
        page.wait(f"{OPEN} && document.querySelector('.sidebar select option')")

        def controls(mark):
            return [message for kind, topic, message in server.log[mark:] if kind == "publish" and topic == CONTROL]

        page.key("ArrowUp", True)
        time.sleep(0.4)
        page.key("ArrowUp", False)
        assert not controls(0), "keys drive only by hand"
        page.press("KeyM", "m", "m")
        until(lambda: server.parameters["/bramble/driver"] == "manual", "the manual driver")
        page.wait("document.body.classList.contains('manual')")
        mark, begin = len(server.log), time.monotonic()
        page.key("ArrowUp", True)
        page.key("KeyA", True)
        until(lambda: len(controls(mark)) >= 30, "controls while keys are down")
        assert (time.monotonic() - begin) / len(controls(mark)) > 0.035, "not faster than 20 a second"
        page.key("KeyA", False)
        page.key("ArrowUp", False)
        sent = controls(mark)
        assert sent[-1]["throttle"] == 1 and -1 <= sent[-1]["steer"] < -0.3 and sent[-1]["brake"] == 0, sent[-1]
        assert page.evaluate("scrollY") == 0
        until(lambda: controls(mark)[-1]["throttle"] == 0 and controls(mark)[-1]["steer"] == 0, "a neutral control in the end")

        def quiet():
            begin = len(server.log)
            time.sleep(1)
            return not controls(begin)

        until(quiet, "silence with hands off")
        count = len(server.log)
        page.key("Space", True)
        until(lambda: controls(count) and controls(count)[-1]["brake"] == 1, "the brake")
        page.key("Space", False)
        until(quiet, "silence with hands off")
        # In a field keys belong to the field.
        page.evaluate("document.querySelector('[aria-label=Weather]').focus()")
        mark = len(server.log)
        page.key("KeyD", True)
        time.sleep(0.3)
        page.key("KeyD", False)
        assert not controls(mark)
        page.evaluate("document.activeElement.blur()")
        page.call("Page.bringToFront")
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        page.evaluate("""navigator.getGamepads = () => [null, {connected: true, id: 'Test pad', axes: [0.75, 0],
            buttons: Array.from({length: 17}, (_, i) => ({pressed: i === 7, value: i === 7 ? 0.5 : 0}))}]""")
        until(lambda: controls(mark) and controls(mark)[-1]["throttle"] == 0.5 and controls(mark)[-1]["steer"] == 0.75, "the gamepad")
        page.wait("document.querySelector('.sidebar').textContent.includes('Test pad')")
        page.evaluate("navigator.getGamepads = () => []")
        page.wait("!document.querySelector('.sidebar').textContent.includes('Test pad')")
        # Touch: a thumb on the button over the picture.
        page.resize(820, 1180, touch=True)
        box = page.wait("(() => { const box = document.querySelector('.touch-pad .hold.up').getBoundingClientRect(); return box.width > 40 && [box.x + box.width / 2, box.y + box.height / 2]; })()")
        mark = len(server.log)
        page.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": box[0], "y": box[1]}])
        until(lambda: any(control["throttle"] > 0.5 for control in controls(mark)), "driving by touch")
        picture(checks, page, "tablet_driving")
        page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        until(lambda: controls(mark)[-1]["throttle"] == 0, "the end of the touch")
        assert page.errors == [], page.errors
        page.close()


def test_controls_set_parameters(checks):
    with scripted(checks) as server:
        page = Page(browser())
        page.open(server.url)
        page.wait(f"{OPEN} && document.querySelector('[aria-label=Weather] option')")

        def choose(label, value, event="change"):
            page.evaluate(f"(() => {{ const field = document.querySelector('[aria-label=\"{label}\"]') || document.querySelector('#{label}'); "
                          f"field.value = {json.dumps(value)}; field.dispatchEvent(new Event('{event}')); }})()")

        choose("Weather", "HardRainNoon")
        choose("Speed", "2")
        choose("sun", "-5", "input")
        choose("Driver", "reverse")
        page.press("KeyR", "r", "r")
        wanted = {"/bramble/weather": "HardRainNoon", "/bramble/speed": 2, "/bramble/sun_elevation_deg": -5, "/bramble/driver": "reverse", "/bramble/recording": True}
        until(lambda: wanted.items() <= server.parameters.items(), f"parameters {wanted}")
        page.wait("document.querySelector('.record.on') && /drive_01 .* messages/.test(document.querySelector('.sidebar').innerText)")
        # What the server refuses is said, and the field goes back to what is in force.
        server.parameters["/bramble/weathers"] = ["ClearNoon"]
        choose("Weather", "CloudyNoon")
        page.wait("document.querySelector('.notice.error')?.textContent === 'unknown weather CloudyNoon'")
        page.wait("document.querySelector('[aria-label=Weather]').value === 'HardRainNoon'")
        # Another page's change arrives here.
        other = Page(browser())
        other.open(server.url)
        other.wait(f"{OPEN} && document.querySelector('.record.on')")
        other.press("KeyR", "r", "r")
        page.wait("!document.querySelector('.record.on')")
        assert page.errors == [] and other.errors == [], page.errors + other.errors
        other.close()
        page.close()


def test_plays_bags(checks):
    with scripted(checks, bag=True) as server:
        page = Page(browser())
        page.open(server.url)
        page.wait("!document.querySelector('.scrubber').hidden && /1:00.0/.test(document.querySelector('.scrubber').innerText)")
        page.evaluate("(() => { const field = document.querySelector('.scrubber input'); field.value = 31.5; field.dispatchEvent(new Event('input')); field.dispatchEvent(new Event('change')); })()")
        until(lambda: ("set", "/bramble/position_s", 31.5) in server.log, "the seek")
        page.wait("Number(document.querySelector('.scrubber input').value) >= 31.5")
        assert page.evaluate("document.querySelector('[aria-label=Weather]').closest('section').hidden"), "a bag has no weather to set"
        picture(checks, page, "bag")
        assert page.errors == [], page.errors
        page.close()


def test_missing_things_are_explained(checks):
    with scripted(checks, topics=("/bramble/status", "/bramble/ontology", "/carla/hero/rgb_front/image/compressed", "/carla/hero/rgb_front/image")) as server:
        page = Page(browser())
        page.open(server.url)
        page.wait(f"{frames('ego')} >= 1")
        for panel, words in {"estimate": "--model", "truth": "true labels", "difference": "--model", "score": "--model", "lidar": "No LiDAR", "overlay": "--model"}.items():
            page.wait(f"document.querySelector('#panel-{panel} .panel-hint:not([hidden])')?.innerText.includes({json.dumps(words)})", what=f"the hint of {panel}")
        picture(checks, page, "missing")
        assert page.errors == [], page.errors
        page.close()
    with scripted(checks, token="right") as server:
        page = Page(browser())
        page.open(server.url)
        page.wait(OPEN)
        assert page.errors == [], page.errors
        page.close()


def test_fits_every_screen_in_light_and_dark(checks):
    with scripted(checks) as server:
        page = Page(browser())
        page.prefer("dark")
        page.open(server.url)
        page.wait(f"{frames('difference')} >= 2 && {frames('lidar')} >= 2")

        def background():
            return [int(value) for value in re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]]

        assert max(background()) < 60
        picture(checks, page, "dark")
        page.prefer("light")
        page.wait("document.documentElement.dataset.theme === 'light'")
        assert min(background()) > 200
        page.press("KeyT", "t", "t")
        page.open(server.url)
        page.wait(OPEN)
        assert max(background()) < 60, "the choice outlives a reload"
        for name, width, height, touch in (("laptop", 1366, 768, False), ("tablet_landscape", 1180, 820, True), ("tablet_portrait", 820, 1180, True), ("phone", 400, 800, True)):
            page.resize(width, height, touch=touch)
            page.wait(f"innerWidth === {width}")
            time.sleep(0.6)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"scrolls sideways at {width}x{height}"
            outside = page.evaluate("[...document.querySelectorAll('button, select, input')].filter(e => e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true}) && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)).map(e => e.outerHTML)")
            assert outside == [], (name, outside)
            picture(checks, page, name)
        assert page.errors == [], page.errors
        page.close()


def test_is_usable_by_keyboard_and_screen_reader(checks):
    with scripted(checks) as server:
        page = Page(browser())
        page.open(server.url)
        page.wait(f"{OPEN} && document.querySelector('[aria-label=Weather] option')")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        roles = {"button", "combobox", "slider", "checkbox", "img", "application", "MenuListPopup"}
        nameless = [node["role"]["value"] for node in nodes if not node.get("ignored") and node.get("role", {}).get("value") in roles - {"MenuListPopup"} and not node.get("name", {}).get("value")]
        assert nameless == [], nameless
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        reached = []
        for _ in range(60):
            page.press("Tab", "Tab")
            reached.append(page.evaluate("(() => { const e = document.activeElement; return [e === document.body ? 'BODY' : e.getAttribute('aria-label') || e.textContent || e.tagName, getComputedStyle(e).outlineStyle, e.getBoundingClientRect().top]; })()"))
        names = [name for name, _, _ in reached]
        for wanted in ("Pause (P)", "Speed", "Panels", "Driver", "Weather", "Colour of the points"):
            assert wanted in names, f"{wanted} is not reached by Tab: {names}"
        assert names.index("Pause (P)") < names.index("Colour of the points") < names.index("Driver")
        unseen = [name for name, outline, _ in reached if outline == "none" and name != "BODY"]
        assert unseen == [], f"no visible focus on {unseen}"
        page.evaluate("document.activeElement.blur()")
        page.press("Slash", "?", "?")
        page.wait("document.querySelector('dialog').open")
        picture(checks, page, "help")
        page.press("Escape", "Escape")
        page.wait("!document.querySelector('dialog').open")
        page.click("[aria-label='Enlarge Map']")
        page.wait("document.querySelector('#panel-map').getBoundingClientRect().width > 1300")
        page.press("Escape", "Escape")
        page.wait("document.querySelector('#panel-map').getBoundingClientRect().width < 600")
        assert page.errors == [], page.errors
        page.close()


if __name__ == "__main__":
    checks = Checks()
    if find_chromium() is None or not (bundle(checks) / "index.html").exists():
        print("SKIPPED the dashboard's page: Chromium, the peers or the bundle are not there (./bramble test sets them up)")
        print("1 passed, 0 failed, 1 skipped")
    else:
        try:
            checks.main(dict(globals()))
        finally:
            if _browser is not None:
                _browser.close()

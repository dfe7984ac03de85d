"""Chromium without a window, driven over the DevTools protocol through a pair of pipes: no driver program, no WebSocket."""
import base64
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time


def find_chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return None


class Page:
    """One tab. Collects what the page's console says of errors and warnings."""

    def __init__(self, browser, width=1440, height=900):
        self.browser = browser
        context = browser.call("Target.createBrowserContext")["browserContextId"]  # a storage of its own
        self.target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        self.errors = []
        browser.listeners[self.session] = self._event
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def call(self, method, **parameters):
        return self.browser.call(method, session=self.session, **parameters)

    def _event(self, method, parameters):
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(argument.get("value", argument.get("description"))) for argument in parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            entry = parameters["entry"]
            # Machines without a GPU: what Chromium says of its own software rasterizer is no fault of the page.
            if "GPU stall due to ReadPixels" not in entry["text"] and "software WebGL" not in entry["text"]:
                self.errors.append(f"{entry['text']} {entry.get('url', '')}")

    def resize(self, width, height, scale=1, touch=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)

    def prefer(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression, seconds=90, what=None):
        """Until the expression is true; its value (true for an element)."""
        end = time.monotonic() + seconds
        while True:
            if value := self.evaluate(f"(value => value instanceof Node ? true : value)({expression})"):
                return value
            if time.monotonic() > end:
                raise AssertionError(f"in vain waited {seconds} s for {what or expression}; the page says: {self.errors[-5:]}")
            time.sleep(0.1)

    def key(self, code, down, key=None, text=""):
        virtual = {"ArrowUp": 38, "ArrowDown": 40, "ArrowLeft": 37, "ArrowRight": 39, "Space": 32, "Tab": 9, "Enter": 13, "Escape": 27}.get(code)
        self.call("Input.dispatchKeyEvent", type="keyDown" if down else "keyUp", code=code, key=key or code, text=text if down else "",
                  windowsVirtualKeyCode=virtual or ord((key or code)[-1].upper()))

    def press(self, code, key=None, text=""):
        self.key(code, True, key, text)
        self.key(code, False, key)

    def click(self, selector):
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def screenshot(self, path, jpeg_quality=None):
        kind = {"format": "png"} if jpeg_quality is None else {"format": "jpeg", "quality": jpeg_quality}
        data = base64.b64decode(self.call("Page.captureScreenshot", **kind)["data"])
        pathlib.Path(path).write_bytes(data)
        return data

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)


class Browser:
    def __init__(self, program=None):
        self.folder = tempfile.TemporaryDirectory(prefix="bramble-chromium.", ignore_cleanup_errors=True)
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        arguments = [
            program or find_chromium(), "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.folder.name}",
            "--no-sandbox", "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--disable-default-apps", "--mute-audio", "--hide-scrollbars", "--disable-dev-shm-usage",
            "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--force-color-profile=srgb",
            "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", "--disable-background-timer-throttling"]
        # The protocol's pipes are the file descriptors 3 (in) and 4 (out).
        self.process = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", *arguments],
                                        pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        stdin=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.out = os.fdopen(ours_out, "wb", buffering=0)
        self.incoming = os.fdopen(ours_in, "rb", buffering=0)
        self.ids = itertools.count(1)
        self.answers = {}
        self.listeners = {}
        self.arrived = threading.Condition()
        self.gone = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        rest = b""
        while chunk := self.incoming.read(1 << 16):
            *messages, rest = (rest + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    with self.arrived:
                        self.answers[message["id"]] = message
                        self.arrived.notify_all()
                elif listener := self.listeners.get(message.get("sessionId")):
                    listener(message["method"], message["params"])
        with self.arrived:
            self.gone = True
            self.arrived.notify_all()

    def call(self, method, session=None, **parameters):
        message = {"id": next(self.ids), "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.out.write(json.dumps(message).encode() + b"\0")
        with self.arrived:
            if not self.arrived.wait_for(lambda: message["id"] in self.answers or self.gone, timeout=90):
                raise AssertionError(f"Chromium did not answer to {method}")
            if self.gone:
                raise AssertionError("Chromium has ended")
            answer = self.answers.pop(message["id"])
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def close(self):
        try:
            self.call("Browser.close")
        except (AssertionError, OSError):
            pass
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.out.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

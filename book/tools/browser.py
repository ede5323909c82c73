"""A headless browser that reaches nothing but this computer, and what it notices on a page.

The tests, the measurements and the printed book all look at the built pages through it. It needs
Chromium with its driver, and selenium; `missing()` says which of them is not there.
"""

import base64
import importlib.util
import json
import shutil
import time
from dataclasses import dataclass
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
LOCAL_SCHEMES = ("file:", "data:", "blob:", "about:", "chrome:")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--proxy-server=direct://",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# Pages are asked when their formulas were drawn and their fonts there: later than "load".
READY = """
addEventListener("load", () => {
  const formulas = window.MathJax?.startup?.promise ?? Promise.resolve();
  formulas.then(() => document.fonts.ready).then(() => {
    window.everythingShown = performance.now();
  });
});
"""
PICTURES = """
for (const image of document.images) image.loading = "eager";
return Promise.all([...document.images].map((image) => image.decode().then(
  () => null, () => image.getAttribute("src").slice(0, 120)
))).then((found) => found.filter(Boolean));
"""
SETTLED = """
return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))));
"""
TIMES = """
const paint = performance.getEntriesByName("first-contentful-paint")[0];
const shown = window.everythingShown ?? null;
// A busy browser may report its first paint late, or never for a window in the background.
const late = shown !== null && performance.now() > shown + 5000;
return {readable: paint ? paint.startTime : late ? shown : null, everything: shown};
"""


def missing() -> str | None:
    """Say what there is not for a browser to start, or None where all is there."""
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed"
    if not any(map(shutil.which, BROWSERS)):
        return "no Chromium on this computer"
    if shutil.which("chromedriver") is None:
        return "chromedriver is not installed"
    return None


@dataclass
class Visit:
    """What happened while a page loaded."""

    requests: list[str]
    faults: list[str]
    times: dict[str, float]


class Browser:
    """One window; use it as a context manager."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
        for option in OPTIONS:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(300)  # axe takes its time on the longest page
        self.resize(width, height)
        self.command("Page.addScriptToEvaluateOnNewDocument", source=READY)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.quit()

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Send a command of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        """Value of a script that ends in `return`."""
        return self.driver.execute_script(script, *arguments)

    def resize(self, width: int, height: int) -> None:
        """Set the size of the page in pixels, as a phone has it if you like."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        self.run(SETTLED)  # media queries answer with the next frame

    def prefer(self, scheme: str) -> None:
        """Let the computer ask for "light" or "dark" pages."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", features=features)

    def visit(self, address: str, home: str = "") -> Visit:
        """Load a page until formulas and fonts are there; `home` is where it may load from."""
        for log in ("performance", "browser"):
            self.driver.get_log(log)
        self.driver.get(address)
        deadline = time.monotonic() + 30
        while None in (times := self.run(TIMES)).values():
            if time.monotonic() > deadline:
                return Visit([], [f"not ready after 30 s: {address}"], {})
            time.sleep(0.02)
        messages = (
            json.loads(log["message"])["message"] for log in self.driver.get_log("performance")
        )
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        asked = [params["request"]["url"] for params in sent]
        near = (*LOCAL_SCHEMES, home) if home else LOCAL_SCHEMES
        faults = [f"outside request: {url}" for url in asked if not url.startswith(near)]
        faults += [f"broken image: {source}" for source in self.run(PICTURES)]
        complaints = [log for log in self.driver.get_log("browser") if log["level"] == "SEVERE"]
        faults += [f"console: {log['message']}" for log in complaints]  # what did not load, too
        return Visit([url for url in asked if not url.startswith("data:")], faults, times)

    def print_pdf(self) -> bytes:
        """The page as it is printed."""
        options = {"printBackground": True, "preferCSSPageSize": True, "generateTaggedPDF": True}
        return base64.b64decode(self.command("Page.printToPDF", **options)["data"])

"""The page in a real browser: sorting, hover, themes, a narrow screen, and a silent console.

Needs Chromium and ChromeDriver (Debian: chromium, chromium-driver); skipped by name where they are absent.
"""

import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from report_run import N_TEST

from crystalmatrix.files import read_json

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

if not (CHROMIUM and CHROMEDRIVER):
    pytest.skip("needs chromium and chromedriver on the PATH", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver")

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Service = pytest.importorskip("selenium.webdriver.chrome.service").Service
ActionChains = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1300,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    driver.set_page_load_timeout(60)  # s: a starved machine fails rather than hangs
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any, report: Path) -> Iterator[Any]:
    """The freshly loaded page on a laptop's screen, in the light theme; the console must stay silent."""
    chromium.get((report / "comparison.html").as_uri())
    chromium.execute_script("localStorage.clear(); setTheme('light')")
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert chromium.get_log("browser") == []


def column(browser: Any, table: str, index: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].map(r => r.cells[arguments[1]].innerText)"
    )
    return browser.execute_script(script, table, index)


def tip(browser: Any) -> list[str]:
    script = "const tip = document.getElementById('tip'); return tip.hidden ? '' : tip.innerText"
    return browser.execute_script(script).splitlines()


def background(browser: Any) -> str:
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def press(browser: Any, link: Any) -> None:
    """Follow a link that may lie under the bar at the top."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    link.click()


def test_the_first_screen_is_the_answer(browser: Any) -> None:
    rows = browser.find_elements(By.CSS_SELECTOR, "table.answer tbody tr")
    assert len(rows) == len(N_TEST)
    bottom = browser.execute_script("return arguments[0].getBoundingClientRect().bottom", rows[-1])
    assert bottom < browser.execute_script("return innerHeight")


@pytest.mark.parametrize("key", ["click", "keyboard"])
def test_a_heading_sorts_its_table(browser: Any, key: str) -> None:
    button = browser.find_elements(By.CSS_SELECTOR, "#matrix-table thead button.sort")[2]
    heading = button.find_element(By.XPATH, "..")

    def press() -> None:
        button.click() if key == "click" else button.send_keys(Keys.ENTER)

    def keys() -> list[float]:
        cells = browser.find_elements(By.CSS_SELECTOR, "#matrix-table tbody tr td:nth-child(3)")
        return [float(cell.get_attribute("data-mae")) for cell in cells]

    press()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert keys() == sorted(keys())
    press()
    assert heading.get_attribute("aria-sort") == "descending"
    assert keys() == sorted(keys(), reverse=True)
    browser.find_elements(By.CSS_SELECTOR, "#matrix-table thead button.sort")[0].click()
    names = column(browser, "#matrix-table", 0)
    assert names == sorted(names)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#matrix-table [aria-sort]")) == 1


def test_the_matrix_shows_what_is_asked_for(browser: Any) -> None:
    plain = column(browser, "#matrix-table", 2)
    browser.find_element(By.CSS_SELECTOR, "input[value=best]").click()
    relative = column(browser, "#matrix-table", 2)
    assert relative != plain
    assert all(float(text) > 0 for text in relative)


def test_hovering_names_the_crystal(browser: Any, report: Path) -> None:
    canvas = browser.find_element(By.ID, "parity")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    # walk over the middle of the plot until a point is near
    for step in range(-120, 121, 12):
        ActionChains(browser).move_to_element_with_offset(canvas, step, -step).perform()
        if tip(browser):
            break
    lines = tip(browser)
    assert lines[0].startswith("JVASP-")
    assert [line.split()[0] for line in lines[1:]] == ["DFT", "predicted", "error"]
    assert browser.execute_script("return getComputedStyle(arguments[0]).cursor", canvas) == "pointer"


def test_the_arrow_keys_start_at_the_worst_crystal(browser: Any) -> None:
    canvas = browser.find_element(By.ID, "parity")
    worst = column(browser, "#worst", 0)
    assert len(worst) == 10
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert tip(browser)[0].split()[0] == worst[0]
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert tip(browser)[0].split()[0] == worst[1]
    canvas.send_keys(Keys.ESCAPE)
    assert tip(browser) == []
    link = browser.find_element(By.CSS_SELECTOR, "#worst a").get_attribute("href")
    assert link == f"https://www.ctcms.nist.gov/~knc6/static/JARVIS-DFT/{worst[0]}.xml"


def test_a_click_opens_the_crystals_page(browser: Any) -> None:
    browser.execute_script("window.opened = []; window.open = (...request) => opened.push(request[0])")
    canvas = browser.find_element(By.ID, "parity")
    canvas.send_keys(Keys.ARROW_RIGHT, Keys.ENTER)
    (opened,) = browser.execute_script("return opened")
    assert opened == browser.find_element(By.CSS_SELECTOR, "#worst a").get_attribute("href")


def test_a_finger_names_the_crystal_first_and_opens_it_second(browser: Any) -> None:
    browser.execute_script("window.opened = []; window.open = (...request) => opened.push(request[0])")
    canvas = browser.find_element(By.ID, "parity")
    canvas.send_keys(Keys.ARROW_RIGHT)  # where a crystal is
    place = browser.execute_script(
        "const box = document.getElementById('tip').getBoundingClientRect(); return [box.left - 14, box.top - 14]"
    )
    tap = """
    for (const kind of ['pointerdown', 'pointerup', 'pointerleave', 'click'])
      document.getElementById('parity').dispatchEvent(new PointerEvent(kind, {
        pointerType: 'touch', clientX: arguments[0][0], clientY: arguments[0][1], bubbles: true}));
    """
    browser.execute_script(tap, place)
    assert tip(browser)[0].startswith("JVASP-")
    assert browser.execute_script("return opened") == []
    browser.execute_script(tap, place)
    assert len(browser.execute_script("return opened")) == 1


def test_every_property_and_model_can_be_explored(browser: Any, report: Path) -> None:
    comparison = read_json(report / "comparison.json")["properties"]
    for name in N_TEST:
        browser.find_element(By.CSS_SELECTOR, f"#pick-property option[value={name}]").click()
        title = browser.find_element(By.ID, "parity-title").text
        assert comparison[name]["label"] in title
        assert f"n = {N_TEST[name]}" in title
    models = [option.get_attribute("value") for option in browser.find_elements(By.CSS_SELECTOR, "#pick-model option")]
    assert models == ["lite", "lite/multitask", "cgcnn", "cgcnn/multitask", "composition", "kgcnn_coGN"]
    browser.find_element(By.CSS_SELECTOR, "#pick-model option[value=cgcnn]").click()
    mae = comparison["piezoelectric"]["models"]["cgcnn"]["mae"]
    shown = browser.find_element(By.ID, "parity-title").text.split("MAE ")[1].split()[0]
    assert float(shown) == pytest.approx(mae, rel=5e-3)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#elements > div:not(.none)")) > 3
    assert browser.find_element(By.CSS_SELECTOR, "#systems .bars").text


def test_a_crystal_is_found_by_its_formula(browser: Any) -> None:
    before = browser.execute_script("return document.getElementById('parity').toDataURL()")
    formula = column(browser, "#worst", 1)[0]
    browser.find_element(By.ID, "find").send_keys(formula)
    assert browser.execute_script("return document.getElementById('parity').toDataURL()") != before


def test_a_formula_is_found_in_any_order_and_case(browser: Any) -> None:
    def drawn(text: str) -> str:
        script = """
        const find = document.getElementById('find');
        find.value = arguments[0];
        find.dispatchEvent(new Event('input'));
        return document.getElementById('parity').toDataURL();
        """
        return browser.execute_script(script, text)

    written = next(text for text in column(browser, "#worst", 1) if len(re.findall("[A-Z]", text)) > 1)
    atoms = re.findall(r"([A-Z][a-z]?)(\d*)", written)  # without brackets in these synthetic crystals
    alphabetical = "".join(symbol + n for symbol, n in sorted(atoms))
    bracketed = "".join(f"({symbol}{2 * int(n or 1)})2" for symbol, n in reversed(atoms))
    found = drawn(written)
    assert found != drawn("")
    assert {drawn(text) for text in (alphabetical, bracketed, written.lower(), alphabetical.lower())} == {found}
    for other in (f"{written}X", "(", "xyz", f"{written}O99"):  # the control
        assert drawn(other) == drawn("")


def test_the_theme_button_goes_round_and_is_remembered(browser: Any) -> None:
    light = background(browser)
    button = browser.find_element(By.ID, "theme")
    button.click()
    dark = background(browser)
    assert dark != light
    assert button.text == "Theme: dark"
    browser.refresh()
    assert background(browser) == dark
    button = browser.find_element(By.ID, "theme")
    button.click()
    assert button.text == "Theme: auto"
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    assert background(browser) == dark
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, theme: str) -> None:
    browser.execute_script("setTheme(arguments[0])", theme)
    script = """
    const luminance = (colour) => {
      const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
      pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
      const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (node) => {
      for (; node; node = node.parentElement) {
        const colour = getComputedStyle(node).backgroundColor;
        if (!/, 0\\)$|\\/ 0\\)$/.test(colour) && colour !== 'transparent') return colour;
      }
    };
    const texts = 'p, td b, th, .verdict, .note, figcaption, td.heat b, #elements div';
    return [...document.querySelectorAll(texts)].map(node => {
      const [a, b] = [luminance(getComputedStyle(node).color), luminance(ground(node))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    });
    """
    assert min(browser.execute_script(script)) >= 4.5  # WCAG 2.2, level AA


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_screen_scrolls_only_within_its_tables(browser: Any, width: int) -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    first = browser.find_element(By.CSS_SELECTOR, "table.answer tbody tr")
    assert browser.execute_script("return arguments[0].getBoundingClientRect().top", first) < 844
    assert browser.execute_script("return document.getElementById('parity').clientWidth") > 0.4 * width


def test_a_phone_says_what_its_numbers_are(browser: Any) -> None:
    """The headings of the columns are gone there; on a laptop, the control, they say it."""
    script = "return getComputedStyle(document.querySelector('table.answer tbody td:last-child'), '::before').content"
    assert browser.execute_script(script) == "none"
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert browser.execute_script(script) == '"test ids "'


AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}).then(
  (found) => done(found.violations.map((v) => v.id + ': ' + v.help + '; ' + v.nodes[0].target + ' ' + v.nodes[0].html)),
  (error) => done([String(error)]));
"""


def complaints(browser: Any) -> list[str]:
    """What axe-core finds against WCAG 2.1 AA and its best practices."""
    pytest.importorskip("axe_core_python")
    browser.execute_script(files("axe_core_python").joinpath("axe.min.js").read_text("utf-8"))
    return browser.execute_async_script(AXE)


@pytest.mark.parametrize(("width", "theme"), [(1300, "light"), (1300, "dark"), (390, "light")])
def test_axe_finds_nothing_against_keyboard_and_screen_reader(browser: Any, width: int, theme: str) -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 768}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_script(
        "setTheme(arguments[0]); document.querySelectorAll('details').forEach(d => d.open = true)", theme
    )
    assert complaints(browser) == []


def test_axe_finds_an_input_without_a_name(browser: Any) -> None:
    """The control."""
    browser.execute_script("document.querySelector('main').append(document.createElement('input'))")
    assert any(text.startswith("label") for text in complaints(browser))


def test_an_address_opens_the_page_at_a_property(chromium: Any, report: Path) -> None:
    address = (report / "comparison.html").as_uri()
    chromium.get("about:blank")
    last = list(N_TEST)[-1]
    chromium.get(f"{address}#{last}")
    picked = "return document.getElementById('pick-property').value"
    assert chromium.execute_script(picked) == last
    row = chromium.find_element(By.ID, last)
    top, height = chromium.execute_script("return [arguments[0].getBoundingClientRect().top, innerHeight]", row)
    assert 0 <= top < height
    for other in N_TEST:
        press(chromium, chromium.find_element(By.CSS_SELECTOR, f"a[href='#{other}']"))
        assert chromium.execute_script(picked) == other
    chromium.execute_script("location.hash = 'no_such_property'")
    assert chromium.execute_script(picked) == other
    assert chromium.get_log("browser") == []


def test_every_model_leads_to_its_log_and_metrics(browser: Any) -> None:
    browser.execute_script("document.getElementById('models').open = false")
    for link in browser.find_elements(By.CSS_SELECTOR, "table.answer .path a"):
        model = link.text.removeprefix("results/").removesuffix(".pt")
        press(browser, link)
        row = browser.find_element(By.ID, link.get_attribute("href").partition("#")[2])
        assert row.is_displayed()
        files = [a.get_attribute("href") for a in row.find_elements(By.TAG_NAME, "a")]
        ends = [] if model.startswith("composition") else [f"/logs/train/{model}.log", f"/{model}.metrics.json"]
        assert [file.endswith(end) for file, end in zip(files, ends, strict=True)] == [True] * len(ends)


def test_the_page_reads_without_scripts(chromium: Any, report: Path) -> None:
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get((report / "comparison.html").as_uri())
        assert len(chromium.find_elements(By.CSS_SELECTOR, "#matrix-table tbody tr")) == len(N_TEST)
        assert "scripts are off" in chromium.find_element(By.CSS_SELECTOR, "noscript").get_attribute("innerHTML")
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

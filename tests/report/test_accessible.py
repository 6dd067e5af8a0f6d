"""The page for everybody, in a real browser: contrast, narrow screens, keyboard and screen reader."""

import re
from importlib.resources import files
from typing import Any

import pytest

from crystalmatrix.properties import PROPERTIES

By = pytest.importorskip("selenium.webdriver.common.by").By


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


LAPTOP = {"width": 1300, "height": 900, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


def rows_on(chromium: Any, address: str, screen: dict[str, Any]) -> list[Any]:
    """The rows of the answer on such a screen."""
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    chromium.get(address)
    return chromium.find_elements(By.CSS_SELECTOR, "table.answer tbody tr")


@pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_the_first_screen_shows_every_property(chromium: Any, whole_matrix: str, screen: dict[str, Any]) -> None:
    rows = rows_on(chromium, whole_matrix, screen)
    assert len(rows) == len(PROPERTIES)
    assert [row.text.split("\n")[0] for row in rows if row.rect["y"] + row.rect["height"] > screen["height"]] == []
    seen = [row.find_element(By.CSS_SELECTOR, part) for row in rows for part in ("th a", ".model b", ".mae b", "i")]
    assert all(part.is_displayed() for part in seen)


def test_a_phone_folds_a_property_to_two_lines(chromium: Any, whole_matrix: str) -> None:
    rows = rows_on(chromium, whole_matrix, PHONE)
    line = chromium.execute_script("return parseFloat(getComputedStyle(document.body).lineHeight)")
    assert all(2 * line < row.rect["height"] < 3 * line for row in rows)
    button, interval = (rows[0].find_element(By.CSS_SELECTOR, part) for part in (".unfold", ".mae small"))
    assert (button.get_attribute("aria-expanded"), interval.is_displayed()) == ("false", False)
    button.click()
    assert (button.get_attribute("aria-expanded"), interval.is_displayed()) == ("true", True)
    assert rows[-1].rect["y"] + rows[-1].rect["height"] > PHONE["height"] - 100, "the control: folding is what fits"
    button.click()
    assert not interval.is_displayed()
    rows[1].find_element(By.CSS_SELECTOR, "th a").click()
    assert rows[1].find_element(By.CSS_SELECTOR, ".mae small").is_displayed(), "its address unfolds it too"


def test_a_laptop_folds_nothing(chromium: Any, whole_matrix: str) -> None:
    (row, *_) = rows_on(chromium, whole_matrix, LAPTOP)
    assert all(part.is_displayed() for part in row.find_elements(By.CSS_SELECTOR, ".more"))
    assert not row.find_element(By.CSS_SELECTOR, ".unfold").is_displayed()


def test_a_phone_says_what_its_numbers_are(browser: Any) -> None:
    """The headings of the columns are gone there; on a laptop, the control, they say it."""
    words = browser.find_elements(By.CSS_SELECTOR, ".phone")
    axis = [text.get_attribute("textContent") for text in browser.find_elements(By.CSS_SELECTOR, "thead .strip text")]
    assert not any(word.is_displayed() for word in words)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.find_element(By.CSS_SELECTOR, ".unfold").click()
    above, lines, *_ = (word.text for word in words if word.is_displayed())
    assert "mean absolute error" in above
    assert re.findall(r"[\d.]+", lines) == [label.split()[0] for label in axis]
    script = "return getComputedStyle(document.querySelector('table.answer .ids'), '::before').content"
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

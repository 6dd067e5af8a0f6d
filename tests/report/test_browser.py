"""The page in a real browser: sorting, hover, themes, addresses, and a silent console (`browser` of conftest.py)."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_run import N_TEST

from crystalmatrix.files import read_json

By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
ActionChains = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains


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


def test_the_search_says_how_many_crystals_it_found(browser: Any) -> None:
    found, find = browser.find_element(By.ID, "found"), browser.find_element(By.ID, "find")
    assert (found.text, found.get_attribute("aria-live")) == ("", "polite")
    ids = column(browser, "#worst", 0)
    for text, said in ((ids[0], "1 test crystal of this property"), ("Xx", "no test crystals of this property")):
        find.clear()
        find.send_keys(text)
        assert found.text == said
    payload = json.loads(browser.find_element(By.ID, "payload").get_attribute("textContent"))
    formula = column(browser, "#worst", 1)[0]
    property_ = next(row for row in payload["properties"] if row["name"] == next(iter(N_TEST)))
    rows = numbers(property_["crystals"])
    n = [payload["formulas"].split("\n")[row] for row in rows].count(formula)
    find.clear()
    find.send_keys(formula)
    assert found.text.split()[0] == str(n)
    find.clear()
    find.send_keys(" ")
    assert found.text == ""


def numbers(text: str) -> list[int]:
    """What the page's encoding of integers holds: three bytes each."""
    content = base64.b64decode(text)
    return [int.from_bytes(content[k : k + 3], "little") for k in range(0, len(content), 3)]


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


def test_every_model_leads_to_its_card_log_and_metrics(browser: Any) -> None:
    browser.execute_script("document.getElementById('models').open = false")
    for link in browser.find_elements(By.CSS_SELECTOR, "table.answer .path a"):
        model = link.text.removeprefix("results/").removesuffix(".pt")
        press(browser, link)
        row = browser.find_element(By.ID, link.get_attribute("href").partition("#")[2])
        assert row.is_displayed()
        files = [a.get_attribute("href") for a in row.find_elements(By.TAG_NAME, "a")]
        ends = [f"/{model}.md", f"/logs/train/{model}.log", f"/{model}.metrics.json"]
        if model.startswith("composition"):
            ends = [f"/logs/{model}.log", f"/{model}.metrics.json"]
        assert [file.endswith(end) for file, end in zip(files, ends, strict=True)] == [True] * len(ends)


def test_the_page_reads_without_scripts(chromium: Any, report: Path) -> None:
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get((report / "comparison.html").as_uri())
        assert len(chromium.find_elements(By.CSS_SELECTOR, "#matrix-table tbody tr")) == len(N_TEST)
        assert "scripts are off" in chromium.find_element(By.CSS_SELECTOR, "noscript").get_attribute("innerHTML")
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

"""A synthetic run of two tiers, scored and compared once for the whole session, by the scripts themselves."""

import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_run import HOSTILE, N_TEST, SETTINGS, compare, evaluate
from synthetic_results import write_results

from crystalmatrix.evaluation.predictions import read_predictions
from crystalmatrix.evaluation.published import archive_name
from crystalmatrix.properties import PROPERTIES

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: data, predictions and metrics. Read only: the whole session shares it."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, n_test=N_TEST, tiers=("lite", "cgcnn"))
    for path in sorted(folder.glob("*/*.predictions.parquet")):
        assert evaluate(folder, path) == 0
    return folder


def publish(results: Path, names: Iterable[str]) -> Path:
    """A folder of published predictions: one complete model, one that covers half of the crystals."""
    folder = results.parent / "published"
    folder.mkdir(exist_ok=True)
    for name in names:
        fold = read_predictions(results / f"lite/{name}.predictions.parquet").folds[name, "test"]
        noise = np.random.default_rng(0).normal(size=len(fold.jid))
        for model, keep, scale in (("kgcnn_coGN", 1, 0.3), (HOSTILE, 2, 0.1)):
            rows = zip(fold.jid[::keep], (fold.target + scale * noise)[::keep], strict=True)
            text = "id,prediction\n" + "".join(f"{jid},{value}\n" for jid, value in rows)
            path = folder / model / archive_name(PROPERTIES[name].field)
            path.parent.mkdir(exist_ok=True)
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(path.name.removesuffix(".zip"), text)
    return folder


@pytest.fixture(scope="session")
def published(results: Path) -> Path:
    """Published predictions of the run's properties."""
    return publish(results, N_TEST)


@pytest.fixture(scope="session")
def whole_matrix(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page that compares all properties with published models."""
    folder = tmp_path_factory.mktemp("whole") / "results"
    write_results(folder, n_test=dict.fromkeys(PROPERTIES, 24), tiers=("lite", "cgcnn"))
    for path in sorted(folder.glob("*/*.predictions.parquet")):
        assert evaluate(folder, path) == 0
    assert compare(folder, folder.parent / "report", settings=SETTINGS % publish(folder, PROPERTIES)) == 0
    return (folder.parent / "report/comparison.html").as_uri()


@pytest.fixture(scope="session")
def report(results: Path, published: Path) -> Path:
    """The folder that compare.py wrote for the run, with published models."""
    out = results.parent / "report"
    assert compare(results, out, settings=SETTINGS % published) == 0
    return out


@pytest.fixture
def linked_results(results: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change: files are links, replaced as a whole when written."""
    for path in results.rglob("*.*"):
        copy = tmp_path / "results" / path.relative_to(results)
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, copy)
    return tmp_path / "results"


@pytest.fixture
def error_line(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """The one line that a script printed to stderr."""

    def read() -> str:
        text = capsys.readouterr().err
        assert text.startswith("error: ")
        assert text.count("\n") == 1
        return text

    return read


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium by ChromeDriver (Debian: chromium, chromium-driver); skips by name where they are absent."""
    chromium, driver_path = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if not (chromium and driver_path):
        pytest.skip("needs chromium and chromedriver on the PATH")
    webdriver = pytest.importorskip("selenium.webdriver")
    service = pytest.importorskip("selenium.webdriver.chrome.service")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1300,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=service.Service(driver_path))
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

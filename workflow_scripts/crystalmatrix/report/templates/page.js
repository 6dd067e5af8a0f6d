"use strict";
// Sorting of tables, the matrix's modes, the theme, and the tooltip. The page reads without any of it.

const tip = document.getElementById("tip");

function showTip(text, x, y) {
  tip.textContent = "";
  for (const line of text) {
    const row = document.createElement("div");
    row.textContent = line;
    tip.append(row);
  }
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 4)) + "px";
  tip.style.top = (y + box.height + 24 > innerHeight ? Math.max(4, y - box.height - 12) : y + 14) + "px";
}

function hideTip() {
  tip.hidden = true;
}

function cellKey(cell, mode) {
  if (!cell) return "";
  return cell.dataset[mode] ?? cell.dataset.value ?? cell.textContent.trim();
}

function sortTable(table, column, header) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  const numeric = header.dataset.sort === "number";
  const mode = table.dataset.mode || "value";
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [cellKey(row.cells[column], mode), row]);
  keyed.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const order = numeric ? parseNumber(a) - parseNumber(b) : a.localeCompare(b);
    return ascending ? order : -order;
  });
  body.append(...keyed.map(([, row]) => row));
  for (const other of header.closest("thead").querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

function parseNumber(text) {
  return parseFloat(text.replaceAll(",", "").replace("\u2212", "-"));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const header = table.tHead.rows[table.tHead.rows.length - 1];
  [...header.cells].forEach((cell, column) => {
    if (!cell.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => sortTable(table, column, cell));
  });
}

for (const input of document.querySelectorAll(".modes input")) {
  input.addEventListener("change", () => {
    const table = document.getElementById(input.closest("[data-controls]").dataset.controls);
    table.dataset.mode = input.value;
  });
}

// a phone shows two lines of each row of the answer; the rest unfolds by a button, or by the property's address
const answers = document.querySelector("table.answer");

function unfold(row, open) {
  row.classList.toggle("open", open);
  row.querySelector(".unfold").setAttribute("aria-expanded", open);
}

function unfoldNamed() {
  const row = document.getElementById(location.hash.slice(1));
  if (row && row.matches("table.answer tbody tr")) unfold(row, true);
}

for (const row of answers.tBodies[0].rows) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "unfold";
  button.setAttribute("aria-label", "More on " + row.cells[0].querySelector("a").textContent);
  button.addEventListener("click", () => unfold(row, !row.classList.contains("open")));
  row.querySelector(".against").append(button);
  unfold(row, false);
}
answers.classList.add("folding");
addEventListener("hashchange", unfoldNamed);
unfoldNamed();

// tables wider than the screen scroll by the arrow keys too; those that fit are no stop of the tab key
const scrolled = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(".scroll")) scrolled.observe(box);

const themes = ["auto", "light", "dark"];
const themeButton = document.getElementById("theme");

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  themeButton.textContent = "Theme: " + theme;
  themeButton.setAttribute("aria-label", "Colour theme: " + (theme === "auto" ? "as the system" : theme));
  document.dispatchEvent(new Event("theme"));
}

function storedTheme() {
  try {
    return themes.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto";
  } catch {
    return "auto"; // storage is closed to pages from disk in some browsers
  }
}

themeButton.addEventListener("click", () => {
  const theme = themes[(themes.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % themes.length];
  setTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // the choice then lasts as long as the page
  }
});
setTheme(storedTheme());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));

// canvases are drawn in the theme's colours: draw them again for white paper, and back
matchMedia("print").addEventListener("change", () => document.dispatchEvent(new Event("theme")));

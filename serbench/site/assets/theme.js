// Runs before the page is drawn, so that a chosen theme never flashes. Without a choice the system's is shown.
(function () {
  "use strict";
  var KEY = "serbench-theme";
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function kept() {
    try { return localStorage.getItem(KEY); } catch (error) { return null; }
  }
  function keep(theme) {
    try { localStorage.setItem(KEY, theme); } catch (error) { /* a browser that keeps nothing of files */ }
  }
  function shown() {
    return document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  }
  function tell() {
    var button = document.getElementById("theme");
    if (button) { button.setAttribute("aria-pressed", String(shown() === "dark")); }
    document.dispatchEvent(new CustomEvent("themechange"));
  }
  var theme = kept();
  if (theme === "light" || theme === "dark") { document.documentElement.dataset.theme = theme; }
  dark.addEventListener("change", tell);
  var printing = false, chosen; // paper is white, whatever the screen is
  window.addEventListener("beforeprint", function () {
    if (printing) { return; }
    printing = true;
    chosen = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    tell();
  });
  window.addEventListener("afterprint", function () {
    if (!printing) { return; }
    printing = false;
    if (chosen) { document.documentElement.dataset.theme = chosen; } else { delete document.documentElement.dataset.theme; }
    tell();
  });
  document.addEventListener("DOMContentLoaded", function () {
    tell();
    document.getElementById("theme").addEventListener("click", function () {
      var next = shown() === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = next;
      keep(next);
      tell();
    });
  });
})();

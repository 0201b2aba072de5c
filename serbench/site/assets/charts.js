// Draws the figures: each is JSON beside its place. Colours of text and grid are the page's, in either theme.
(function () {
  "use strict";
  var CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, scrollZoom: false };
  var drawn = [];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  function axes(layout) {
    return Object.keys(layout).filter(function (name) { return /^[xy]axis\d*$/.test(name); });
  }
  function styled(layout, height) {
    var base = {
      autosize: true, height: height, margin: { l: 8, r: 8, t: 36, b: 8 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      dragmode: false, // a finger on a figure scrolls the page
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
      font: { family: "system-ui, sans-serif", size: 13, color: colour("--ink") },
      hoverlabel: { font: { family: "system-ui, sans-serif" } },
      colorway: ["#3f7fc4", "#c9782b", "#4f9d78", "#9a6fb8", "#c4566a", "#8c7a3d", "#4fa3b5", "#8a93a6"]
    };
    var whole = Object.assign(base, layout);
    whole.margin = Object.assign({ l: 8, r: 8, t: 36, b: 8 }, layout.margin || {});
    ["xaxis", "yaxis"].forEach(function (name) { whole[name] = whole[name] || {}; });
    axes(whole).forEach(function (name) {
      whole[name] = Object.assign(
        { automargin: true, zeroline: false, fixedrange: true, gridcolor: colour("--line"), linecolor: colour("--line") },
        whole[name]
      );
    });
    return whole;
  }
  function draw(place) {
    if (place.dataset.drawn || !window.Plotly) { return; }
    place.dataset.drawn = "yes";
    var source = document.querySelector('script[data-for="' + place.id + '"]');
    var spec = JSON.parse(source.textContent);
    Plotly.newPlot(place, spec.data, styled(spec.layout, spec.layout.height), CONFIG);
    drawn.push(place);
  }
  function paint() {
    drawn.forEach(function (place) {
      var change = { "font.color": colour("--ink") };
      axes(place._fullLayout).forEach(function (axis) {
        change[axis + ".gridcolor"] = colour("--line");
        change[axis + ".linecolor"] = colour("--line");
      });
      Plotly.relayout(place, change);
    });
  }
  function all() { document.querySelectorAll(".plot").forEach(draw); }

  window.serbenchDraw = draw;
  document.addEventListener("themechange", paint);
  window.addEventListener("beforeprint", all);
  document.addEventListener("DOMContentLoaded", function () {
    var places = document.querySelectorAll(".plot");
    if (!("IntersectionObserver" in window)) { all(); return; }
    var watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (entry.isIntersecting) { watcher.unobserve(entry.target); draw(entry.target); }
      });
    }, { rootMargin: "600px" });
    places.forEach(function (place) { watcher.observe(place); });
  });
})();

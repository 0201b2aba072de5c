// Figures take the page's colours, and take them again when the reader switches between light and dark.
(function () {
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var counts = {
    light: [[0, "#eef2f7"], [0.55, "#4a80bf"], [1, "#123f73"]],
    dark: [[0, "#1b222d"], [0.55, "#4a7cb6"], [1, "#b5d8fb"]]
  };
  function paint() {
    var style = getComputedStyle(document.documentElement);
    var ink = style.getPropertyValue("--ink").trim();
    var line = style.getPropertyValue("--line").trim();
    document.querySelectorAll(".js-plotly-plot").forEach(function (plot) {
      var change = { "font.color": ink };
      Object.keys(plot._fullLayout).filter(function (name) { return /^[xy]axis\d*$/.test(name); })
        .forEach(function (axis) { change[axis + ".gridcolor"] = line; });
      // A confusion matrix is a heat map and the figures on it, in an ink that its cell bears.
      if (plot.data.length === 2 && plot.data[1].mode === "text") {
        var strong = dark.matches ? "#0e1520" : "#ffffff";
        var inks = Array.from(plot.data[1].customdata, function (percent) { return percent >= 55 ? strong : ink; });
        Plotly.restyle(plot, { colorscale: [counts[dark.matches ? "dark" : "light"]] }, [0]);
        Plotly.restyle(plot, { "textfont.color": [inks] }, [1]);
      }
      Plotly.relayout(plot, change);
    });
  }
  if (window.Plotly) {
    paint();
    dark.addEventListener("change", paint);
  }
})();

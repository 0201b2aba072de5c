// Sorts, narrows and picks rows of the leaderboard. Without this script the tables stand as they are.
document.addEventListener("DOMContentLoaded", function () {
  "use strict";

  function value(row, key) {
    var cell = row.querySelector('[data-key="' + key + '"]');
    return cell ? cell.dataset.value : "";
  }
  function compare(one, other) {
    var difference = Number(one) - Number(other); // of names: no number
    return isNaN(difference) ? one.localeCompare(other) : difference;
  }
  function sort(button) {
    var table = button.closest("table"), head = button.closest("th"), key = button.dataset.sort;
    var words = "words" in button.dataset;
    var first = words ? "ascending" : "descending";
    var order = head.getAttribute("aria-sort") === first ? (words ? "descending" : "ascending") : first;
    table.querySelectorAll("thead [aria-sort]").forEach(function (other) { other.setAttribute("aria-sort", "none"); });
    head.setAttribute("aria-sort", order);
    var body = table.tBodies[0], rows = Array.from(body.rows);
    rows.sort(function (a, b) {
      var one = value(a, key), other = value(b, key);
      if (!one || !other) { return one ? -1 : other ? 1 : 0; } // what has no value stays last
      return (order === "ascending" ? 1 : -1) * compare(one, other);
    });
    rows.forEach(function (row) { body.appendChild(row); });
  }
  document.querySelectorAll("table.board thead button").forEach(function (button) {
    button.addEventListener("click", function () { sort(button); });
  });

  var form = document.getElementById("filters");
  if (!form) { return; }
  var search = document.getElementById("search"), selected = document.getElementById("selected-only");
  var found = document.getElementById("found");
  function wanted() {
    var asked = {};
    form.querySelectorAll("select").forEach(function (choice) { asked[choice.dataset.filter] = choice.value; });
    return asked;
  }
  function fits(kept, asked) { return !asked || kept === asked; }
  function narrow() {
    var asked = wanted(), text = search.value.trim().toLowerCase(), shown = 0, all = 0;
    document.querySelectorAll("section.group").forEach(function (group) {
      var whole = fits(group.dataset.corpus, asked.corpus) && fits(group.dataset.labels, asked.labels) &&
        fits(group.dataset.protocol, asked.protocol);
      var inside = 0;
      Array.from(group.querySelector("table.board").tBodies[0].rows).forEach(function (row) {
        var keep = whole && fits(row.dataset.family, asked.family) && (!selected.checked || row.dataset.selected === "yes") &&
          row.dataset.text.indexOf(text) >= 0;
        row.hidden = !keep;
        all += 1;
        if (keep) { inside += 1; }
      });
      group.hidden = inside === 0;
      shown += inside;
    });
    found.textContent = shown + " of " + all;
  }
  form.addEventListener("input", narrow);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  document.getElementById("all-columns").addEventListener("change", function (event) {
    document.body.classList.toggle("all", event.target.checked);
  });
  // A reload keeps what was typed; the tables follow.
  narrow();
  document.body.classList.toggle("all", document.getElementById("all-columns").checked);

  var bar = document.getElementById("picked");
  function picked() { return Array.from(document.querySelectorAll('input[name="pick"]:checked')); }
  function tell() {
    var boxes = picked(), section = boxes.length ? boxes[0].closest("section") : null;
    // Only entries of one table were tested on the same clips.
    document.querySelectorAll('input[name="pick"]').forEach(function (box) {
      box.disabled = section !== null && box.closest("section") !== section;
    });
    bar.hidden = boxes.length === 0;
    document.getElementById("picked-count").textContent =
      boxes.length === 1 ? boxes[0].value + ": choose one more of its table" : boxes.length + " entries chosen";
    var link = document.getElementById("picked-link");
    link.hidden = boxes.length < 2;
    link.href = "compare.html#" + boxes.map(function (box) { return encodeURIComponent(box.value); }).join(",");
  }
  document.addEventListener("change", function (event) { if (event.target.name === "pick") { tell(); } });
  document.getElementById("picked-clear").addEventListener("click", function () {
    picked().forEach(function (box) { box.checked = false; });
    tell();
  });
  tell();

  document.querySelectorAll(".choice[data-plot]").forEach(function (choice) {
    choice.addEventListener("click", function (event) {
      var button = event.target.closest("button[data-cost]");
      if (!button) { return; }
      choice.querySelectorAll("button").forEach(function (other) { other.setAttribute("aria-pressed", String(other === button)); });
      var plot = document.getElementById(choice.dataset.plot);
      window.serbenchDraw(plot);
      Plotly.update(plot, { x: plot.data.map(function (trace) { return trace.meta[button.dataset.cost]; }) },
        { "xaxis.title.text": button.dataset.title });
    });
  });
});

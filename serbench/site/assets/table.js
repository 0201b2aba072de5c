// Tabs, filters, sorting and picking of the leaderboard. Without this script all tables stand one below the other.
// The address keeps tab, filter and sort: #tab&sort=key:ascending&family=cnn2d&search=words&selected&all
document.addEventListener("DOMContentLoaded", function () {
  "use strict";
  var panels = Array.from(document.querySelectorAll("section.group"));
  if (!panels.length) { return; }
  var tabs = Array.from(document.querySelectorAll("#tabs a"));
  var form = document.getElementById("filters"), found = document.getElementById("found");
  var search = document.getElementById("search"), selected = document.getElementById("selected-only");
  var everything = document.getElementById("all-columns"), family = form.querySelector("[data-filter=family]");
  var state = read();
  panels.forEach(function (one) { one.id = "panel-" + one.dataset.tab; }); // else the browser scrolls past the title

  function read() {
    var parts = location.hash.slice(1).split("&"), asked = { tab: plain(parts[0]), sort: "", order: "", family: "", search: "", selected: false, all: false };
    parts.slice(1).forEach(function (part) {
      var at = part.indexOf("="), name = at < 0 ? part : part.slice(0, at), value = at < 0 ? "" : plain(part.slice(at + 1));
      if (name === "sort") { asked.sort = value.split(":")[0]; asked.order = value.split(":")[1] === "ascending" ? "ascending" : "descending"; }
      else if (name === "family" || name === "search") { asked[name] = value; }
      else if (name === "selected" || name === "all") { asked[name] = true; }
    });
    return asked;
  }
  function plain(text) { try { return decodeURIComponent(text); } catch (error) { return ""; } }
  function write() {
    var parts = [encodeURIComponent(state.tab)];
    if (state.sort) { parts.push("sort=" + encodeURIComponent(state.sort) + ":" + state.order); }
    ["family", "search"].forEach(function (name) { if (state[name]) { parts.push(name + "=" + encodeURIComponent(state[name])); } });
    ["selected", "all"].forEach(function (name) { if (state[name]) { parts.push(name); } });
    history.replaceState(null, "", "#" + parts.join("&"));
  }

  function value(row, key) {
    var cell = Array.from(row.cells).find(function (one) { return one.dataset.key === key; });
    return cell ? cell.dataset.value : "";
  }
  function compare(one, other) {
    var difference = Number(one) - Number(other); // of names: no number
    return isNaN(difference) ? one.localeCompare(other) : difference;
  }
  function sort(table, key, order) {
    var heads = Array.from(table.querySelectorAll("thead [aria-sort]"));
    var head = heads.find(function (one) { return one.querySelector("[data-sort]").dataset.sort === key; });
    if (!head) { return; }
    heads.forEach(function (other) { other.setAttribute("aria-sort", "none"); });
    head.setAttribute("aria-sort", order);
    var body = table.tBodies[0], rows = Array.from(body.rows);
    rows.sort(function (a, b) {
      var one = value(a, key), other = value(b, key), fails = "fails" in a.dataset, fail = "fails" in b.dataset;
      if (fails !== fail) { return fails ? 1 : -1; } // what fails its checks stays last
      if (!one || !other) { return one ? -1 : other ? 1 : 0; } // what has no value stays last
      return (order === "ascending" ? 1 : -1) * compare(one, other);
    });
    rows.forEach(function (row) { body.appendChild(row); });
  }
  function current() { return panels.find(function (one) { return one.dataset.tab === state.tab; }) || panels[0]; }
  function narrow(panel) {
    var text = state.search.trim().toLowerCase(), shown = 0, all = 0;
    Array.from(panel.querySelector("table.board").tBodies[0].rows).forEach(function (row) {
      if (row.classList.contains("reference")) { return; } // references belong to every choice
      var keep = (!state.family || row.dataset.family === state.family) &&
        (!state.selected || row.dataset.selected === "yes") && row.dataset.text.indexOf(text) >= 0;
      row.hidden = !keep;
      all += 1;
      if (keep) { shown += 1; }
    });
    found.textContent = shown + " of " + all;
  }
  function show() {
    var panel = current();
    state.tab = panel.dataset.tab;
    panels.forEach(function (one) { one.hidden = one !== panel; });
    tabs.forEach(function (tab) {
      if (tab.dataset.tab === state.tab) { tab.setAttribute("aria-current", "true"); } else { tab.removeAttribute("aria-current"); }
    });
    panel.querySelector(".slot").appendChild(form);
    form.hidden = false;
    search.value = state.search;
    selected.checked = state.selected;
    everything.checked = state.all;
    if (family) {
      family.value = state.family;
      if (family.value !== state.family) { state.family = family.value = ""; }
    }
    document.body.classList.toggle("all", state.all);
    sort(panel.querySelector("table.board"), state.sort || "uar", state.sort ? state.order : "descending");
    narrow(panel);
  }
  tabs.forEach(function (tab) {
    tab.addEventListener("click", function (event) {
      event.preventDefault();
      state.tab = tab.dataset.tab;
      clear();
      show();
      write();
    });
  });
  document.querySelectorAll("table.board thead [data-sort]").forEach(function (button) {
    button.addEventListener("click", function () {
      var first = "words" in button.dataset ? "ascending" : "descending", second = first === "ascending" ? "descending" : "ascending";
      state.order = button.closest("th").getAttribute("aria-sort") === first ? second : first;
      state.sort = button.dataset.sort;
      show();
      write();
    });
  });
  form.addEventListener("input", function () {
    state.search = search.value;
    state.selected = selected.checked;
    state.all = everything.checked;
    state.family = family ? family.value : "";
    document.body.classList.toggle("all", state.all);
    narrow(current());
    write();
  });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  window.addEventListener("hashchange", function () {
    var asked = read();
    if (!panels.some(function (one) { return one.dataset.tab === asked.tab; })) { return; } // a place on the page
    state = asked;
    clear();
    show();
  });

  var bar = document.getElementById("picked");
  function picked() { return Array.from(document.querySelectorAll('input[name="pick"]:checked')); }
  function tell() {
    var boxes = picked();
    bar.hidden = boxes.length === 0;
    document.getElementById("picked-count").textContent =
      boxes.length === 1 ? boxes[0].value + ": choose one more of its table" : boxes.length + " entries chosen";
    var link = document.getElementById("picked-link");
    link.hidden = boxes.length < 2;
    link.href = "compare.html#" + boxes.map(function (box) { return encodeURIComponent(box.value); }).join(",");
  }
  function clear() { // only entries of one table were tested on the same clips
    picked().forEach(function (box) { box.checked = false; });
    tell();
  }
  document.addEventListener("change", function (event) { if (event.target.name === "pick") { tell(); } });
  document.getElementById("picked-clear").addEventListener("click", clear);
  tell();
  show();
});

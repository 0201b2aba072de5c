// Compares the entries that the reader chooses. Differences, intervals and p-values come with the page; only Holm's
// correction, which depends on the choice, is made here.
document.addEventListener("DOMContentLoaded", function () {
  "use strict";
  var source = document.getElementById("compare-data");
  if (!source) { return; }
  var data = JSON.parse(source.textContent), CODES = data.codes;
  var select = document.getElementById("group"), choices = document.getElementById("entries");
  var place = document.getElementById("comparison"), compared = document.getElementById("compared"), SHOWN = 20;

  function el(tag, attributes, children) {
    var node = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) { node.setAttribute(name, attributes[name]); });
    (children || []).forEach(function (child) {
      node.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
    });
    return node;
  }
  function points(value) { return value === null ? "-" : (value < 0 ? "" : "+") + (100 * value).toFixed(1); }
  function percent(value) { return value === null ? "-" : (100 * value).toFixed(1); }
  function chance(p) { return p === null ? "-" : p < 0.001 ? "< 0.001" : p.toFixed(3); }

  function holm(values) {
    var order = values.map(function (_, at) { return at; }).sort(function (a, b) { return values[a] - values[b]; });
    var adjusted = [], highest = 0;
    order.forEach(function (at, rank) {
      highest = Math.max(highest, Math.min(1, (values.length - rank) * values[at]));
      adjusted[at] = highest;
    });
    return adjusted;
  }
  function pairAt(group, i, j) { // i < j, in the order of itertools.combinations
    var n = group.entries.length;
    return group.pairs.length ? group.pairs[i * n - i * (i + 1) / 2 + j - i - 1] : group.why;
  }
  function table(caption, head, rows, words) {
    var header = el("tr", {}, head.map(function (name, at) {
      return el("th", at && at <= words ? { scope: "col", "class": "words" } : { scope: "col" }, [name]);
    }));
    var body = rows.map(function (cells) {
      return el("tr", {}, cells.map(function (cell, at) {
        if (at === 0) { return el("th", { scope: "row" }, [cell]); }
        return el("td", at <= words ? { "class": "words" } : {}, [cell]);
      }));
    });
    return el("div", { "class": "wide", role: "group", "aria-label": caption, tabindex: "0" }, [
      el("table", {}, [el("caption", {}, [caption]), el("thead", {}, [header]), el("tbody", {}, body)])
    ]);
  }
  function link(id) { return data.paths[id] ? el("a", { href: data.paths[id] }, [id]) : id; }

  function pairsTable(group, chosen) {
    var pairs = [];
    chosen.forEach(function (i, at) { chosen.slice(at + 1).forEach(function (j) { pairs.push([i, j, pairAt(group, i, j)]); }); });
    var tested = pairs.filter(function (pair) { return Array.isArray(pair[2]); });
    var adjusted = holm(tested.map(function (pair) { return pair[2][3] === null ? 1 : pair[2][3]; })), reasons = [];
    var rows = pairs.map(function (pair) {
      var one = group.entries[pair[0]], other = group.entries[pair[1]], found = pair[2];
      var plain = one.uar === null || other.uar === null ? null : one.uar - other.uar;
      if (!Array.isArray(found)) {
        if (found && reasons.indexOf(found) < 0) { reasons.push(found); }
        return [link(one.id), link(other.id), points(plain), "-", "-", "-", "not tested"];
      }
      var holmed = found[3] === null ? null : adjusted[tested.indexOf(pair)];
      return [link(one.id), link(other.id), points(found[0]), points(found[1]) + " to " + points(found[2]), chance(found[3]),
        chance(holmed), holmed !== null && holmed < 0.05 ? "yes" : "no"];
    });
    var head = ["first", "second", "difference", "95 % CI", "p", "p (Holm)", "significant"];
    var parts = [table("Paired differences, points of test UAR", head, rows, 1)];
    reasons.forEach(function (reason) { parts.push(el("p", { "class": "notes" }, [reason])); });
    return parts;
  }
  function byClass(group, chosen) {
    var rows = group.labels.map(function (label, c) {
      var clips = group.support.reduce(function (sum, row) { return sum + row[c]; }, 0);
      var recalls = chosen.map(function (i) {
        var right = group.entries[i].correct.reduce(function (sum, row) { return sum + row[c]; }, 0);
        return clips ? right / clips : null;
      });
      return [label].concat(recalls.map(percent), chosen.length === 2 ? [points(minus(recalls))] : [], [String(clips)]);
    });
    return table("Recall of each class in %", ["class"].concat(names(group, chosen), chosen.length === 2 ? ["difference"] : [], ["clips"]), rows, 0);
  }
  function minus(pair) { return pair[0] === null || pair[1] === null ? null : pair[0] - pair[1]; }
  function names(group, chosen) { return chosen.map(function (i) { return group.entries[i].id; }); }
  function speakerScores(group, i) {
    return group.support.map(function (support, s) {
      var recalls = [];
      support.forEach(function (clips, c) { if (clips) { recalls.push(group.entries[i].correct[s][c] / clips); } });
      return recalls.length ? recalls.reduce(function (a, b) { return a + b; }, 0) / recalls.length : null;
    });
  }
  function bySpeaker(group, chosen) {
    var scores = chosen.map(function (i) { return speakerScores(group, i); });
    var two = chosen.length === 2;
    var rows = group.speakers.map(function (name, s) {
      var own = scores.map(function (list) { return list[s]; });
      var clips = group.support[s].reduce(function (a, b) { return a + b; }, 0);
      return { cells: [name].concat(own.map(percent), two ? [points(minus(own))] : [], [String(clips)]), by: two ? minus(own) : own[0] };
    });
    var most = rows.reduce(function (largest, row) { return Math.max(largest, Math.abs(row.by)); }, 0);
    if (two) { rows.forEach(function (row) { row.cells.push(bar(row.by, most)); }); }
    rows.sort(function (a, b) { return b.by - a.by; });
    return table("Mean recall of each test speaker in %, over the classes they have", ["speaker"].concat(names(group, chosen), two ? ["difference"] : [], ["clips"], two ? ["who is ahead"] : []),
      rows.map(function (row) { return row.cells; }), 0);
  }
  function summary(group, chosen) { // what a screen reader says after a choice, instead of all tables
    if (chosen.length < 2) { return "Choose two or more entries."; }
    if (chosen.length > 2) { return names(group, chosen).join(", ") + " are compared."; }
    var scores = chosen.map(function (i) { return speakerScores(group, i); });
    var better = scores[0].filter(function (one, s) { return one > scores[1][s]; }).length;
    return group.entries[chosen[0]].id + " is ahead for " + better + " of " + group.speakers.length + " test speakers.";
  }
  function bar(value, most) { // to the right if the first is ahead, to the left if the second is
    var share = most && value !== null ? Math.abs(value) / most * 50 : 0;
    var side = value < 0 ? "right:50%" : "left:50%";
    return el("span", { "class": "diverging", "aria-hidden": "true" }, [el("span", { style: side + ";width:" + share.toFixed(1) + "%", "class": value < 0 ? "less" : "" })]);
  }
  function disagreement(group, chosen) {
    if (!group["true"]) { return []; }
    var one = group.entries[chosen[0]], other = group.entries[chosen[1]];
    var counts = { both: 0, first: 0, second: 0, neither: 0 }, apart = [];
    var labels = group.labels.map(function () { return [0, 0]; });
    for (var at = 0; at < group.clips.length; at += 1) {
      var truth = group["true"][at], a = one.predicted[at] === truth, b = other.predicted[at] === truth;
      counts[a && b ? "both" : a ? "first" : b ? "second" : "neither"] += 1;
      if (a !== b) { labels[CODES.indexOf(truth)][a ? 0 : 1] += 1; apart.push(at); }
    }
    function word(entry, at) { return group.labels[CODES.indexOf(entry.predicted[at])]; }
    var parts = [el("div", {}, [
      table("Clips only one model gets right (of each the run with the best validation score, or else its last)",
        ["class", "only " + one.id, "only " + other.id],
        group.labels.map(function (label, c) { return [label, String(labels[c][0]), String(labels[c][1])]; })
          .concat([["all", String(counts.first), String(counts.second)]]), 0),
      el("p", { "class": "notes" }, ["Both right: " + counts.both + ", both wrong: " + counts.neither + " of " + group.clips.length + " clips."])
    ])];
    if (apart.length) {
      var rows = apart.slice(0, SHOWN).map(function (at) {
        return [group.clips[at], group.labels[CODES.indexOf(group["true"][at])], word(one, at), word(other, at)];
      });
      var more = apart.length > SHOWN ? " (the first " + SHOWN + " of " + apart.length + ")" : "";
      parts.push(table("Where they disagree" + more, ["clip", "true", one.id, other.id], rows, 3));
    }
    return parts;
  }
  function section(title, children) { return el("section", {}, [el("h2", {}, [title])].concat(children)); }

  function draw() {
    var group = data.groups[Number(select.value)];
    var chosen = Array.from(choices.querySelectorAll("input:checked")).map(function (box) { return Number(box.value); });
    place.replaceChildren();
    compared.textContent = summary(group, chosen);
    if (chosen.length < 2) { return; }
    place.appendChild(section("Is the difference significant?", pairsTable(group, chosen)));
    var two = chosen.length === 2;
    place.appendChild(section("By speaker", [bySpeaker(group, chosen)]));
    place.appendChild(section("By class", [byClass(group, chosen)]));
    if (two) {
      var apart = disagreement(group, chosen);
      if (apart.length) { place.appendChild(section("Where they disagree", [el("div", { "class": "pair" }, apart)])); }
    }
    history.replaceState(null, "", "#" + names(group, chosen).map(encodeURIComponent).join(","));
  }
  function offer(checked) {
    var group = data.groups[Number(select.value)];
    choices.querySelectorAll("label").forEach(function (label) { label.remove(); });
    group.entries.forEach(function (entry, at) {
      var box = el("input", { type: "checkbox", value: String(at) });
      box.checked = checked.length ? checked.indexOf(entry.id) >= 0 : at < 2;
      choices.appendChild(el("label", { "class": "tick" }, [box, entry.id + " (" + percent(entry.uar) + ")"]));
    });
    draw();
  }
  function asked() {
    try { return location.hash.slice(1).split(",").filter(Boolean).map(decodeURIComponent); } catch (error) { return []; }
  }
  function fromAddress() {
    var ids = asked();
    var at = data.groups.findIndex(function (group) {
      return group.entries.some(function (entry) { return ids.indexOf(entry.id) >= 0; });
    });
    select.value = String(Math.max(at, 0));
    offer(at < 0 ? [] : ids);
  }
  select.addEventListener("change", function () { offer([]); });
  choices.addEventListener("change", draw);
  window.addEventListener("hashchange", function () {
    var ids = asked(); // a place on the page, such as that of the link to the content, names no entry
    var known = data.groups.some(function (group) {
      return group.entries.some(function (entry) { return ids.indexOf(entry.id) >= 0; });
    });
    if (known) { fromAddress(); }
  });
  fromAddress();
});

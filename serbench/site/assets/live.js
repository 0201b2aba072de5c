// Asks the server of a running search whether there is news, and loads the page again if there is.
(function () {
  "use strict";
  var GONE = "no answer: the search has ended (serbench leaderboard has its last results), or the connection is cut";
  var EVERY_MS = 2000, RARELY_MS = 15000; // rarely: after three questions without an answer
  var shown = null, failures = 0, badge = document.getElementById("live");
  function say(text, gone) {
    if (badge.textContent !== text) { badge.textContent = text; } // a screen reader reads it out with every change
    badge.classList.toggle("gone", gone);
  }
  function ask() {
    fetch("/version", { cache: "no-store" }).then(function (answer) { return answer.json(); }).then(function (news) {
      failures = 0;
      say(news.note ? "live, but: " + news.note : "live", false);
      if (shown === null) { shown = news.version; }
      if (news.version !== shown) { location.reload(); return; }
      setTimeout(ask, EVERY_MS);
    }).catch(function () {
      failures += 1;
      if (failures >= 3) { say(GONE, true); }
      setTimeout(ask, failures < 3 ? EVERY_MS : RARELY_MS);
    });
  }
  ask();
})();

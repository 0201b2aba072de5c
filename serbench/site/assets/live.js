// Asks the server of a running search whether there is news, and loads the page again if there is.
(function () {
  "use strict";
  var shown = null, failures = 0, badge = document.getElementById("live");
  function ask() {
    fetch("/version", { cache: "no-store" }).then(function (answer) { return answer.json(); }).then(function (news) {
      failures = 0;
      badge.textContent = news.note ? "live, but: " + news.note : "live";
      if (shown === null) { shown = news.version; }
      if (news.version !== shown) { location.reload(); return; }
      setTimeout(ask, 2000);
    }).catch(function () {
      failures += 1;
      if (failures >= 3) { badge.textContent = "the search has ended"; badge.classList.add("gone"); return; }
      setTimeout(ask, 2000);
    });
  }
  ask();
})();

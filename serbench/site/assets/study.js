// Opens the list of trials when a link leads into it.
(function () {
  "use strict";
  function open() {
    var asked = document.getElementById(location.hash.slice(1)), list = asked ? asked.closest("details") : null;
    if (list && !list.open) { list.open = true; asked.scrollIntoView(); }
  }
  document.addEventListener("DOMContentLoaded", open);
  window.addEventListener("hashchange", open);
})();

// Buttons that copy the text beside them.
document.addEventListener("DOMContentLoaded", function () {
  "use strict";
  function select(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }
  document.querySelectorAll("button.copy").forEach(function (button) {
    button.addEventListener("click", function () {
      var code = button.parentElement.querySelector("code");
      function said(text) {
        button.textContent = text;
        setTimeout(function () { button.textContent = "Copy"; }, 1500);
      }
      if (navigator.clipboard && window.isSecureContext) {
        navigator.clipboard.writeText(code.textContent).then(
          function () { said("Copied"); },
          function () { select(code); said("Selected"); }
        );
      } else {
        select(code);
        said(document.execCommand && document.execCommand("copy") ? "Copied" : "Selected");
      }
    });
  });
});

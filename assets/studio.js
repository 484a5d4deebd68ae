// Keys of the whole page: Ctrl/Cmd+Z undoes, Ctrl/Cmd+Shift+Z or Ctrl+Y redoes. Inside a text field they stay the field's.
(() => {
  const NOT_TEXT = ["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"];

  function writes(target) {
    if (!(target instanceof Element)) return false;
    if (target.closest("textarea, select") || target.isContentEditable) return true;
    return target.tagName === "INPUT" && !NOT_TEXT.includes(target.type);
  }

  function wanted(ev) {
    if (!(ev.ctrlKey || ev.metaKey) || ev.altKey || ev.isComposing) return null;
    const key = ev.key.toLowerCase();
    if (key === "z") return ev.shiftKey ? "redo" : "undo";
    return key === "y" && ev.ctrlKey && !ev.shiftKey ? "redo" : null;
  }

  document.addEventListener("keydown", (ev) => {
    const id = wanted(ev);
    if (!id || ev.defaultPrevented || writes(ev.composedPath()[0])) return;
    const button = document.getElementById(id);
    if (!button) return;
    ev.preventDefault();
    if (!ev.repeat) button.click();
  });
})();

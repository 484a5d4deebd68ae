// Keys of the whole page: one table of actions, a list of them (?), and keys of one's own, kept by the browser.
// A key belongs to the text field, picture or graph that has the focus; with Ctrl only where that leaves it unused.
(() => {
  // press: ids of what to press, the first in sight; tab: opens one; inText: also while a text is written.
  const ACTIONS = [
    { id: "help", group: "Everywhere", words: "Show the keys", keys: ["?"], press: ["help"] },
    { id: "next-sample", group: "Everywhere", words: "Next sample", keys: ["Shift+J"], press: ["sample-next"] },
    { id: "previous-sample", group: "Everywhere", words: "Previous sample", keys: ["Shift+K"], press: ["sample-previous"] },
    { id: "undo", group: "Everywhere", words: "Undo", keys: ["Ctrl+Z"], press: ["undo"] },
    { id: "redo", group: "Everywhere", words: "Redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], press: ["redo"] },
    { id: "save", group: "Everywhere", words: "Save what is being written", keys: ["Ctrl+S", "Ctrl+Enter"], press: ["qa-save", "object-apply"], inText: true },
    { id: "preview", group: "Everywhere", words: "Preview edits: on or off", keys: ["P"], press: ["ask"] },
    { id: "apply", group: "Everywhere", words: "Apply what is previewed", keys: ["Shift+A"], press: ["apply-draft"] },
    { id: "discard", group: "Everywhere", words: "Discard what is previewed", keys: ["Shift+D"], press: ["discard-draft"] },
    { id: "delete", group: "Image", words: "Delete the chosen object", keys: ["Delete"], press: ["object-delete"] },
    { id: "next-question", group: "Questions", words: "Next question", keys: ["J"], press: ["qa-next"] },
    { id: "previous-question", group: "Questions", words: "Previous question", keys: ["K"], press: ["qa-previous"] },
    { id: "accept", group: "Questions", words: "Accept the question", keys: ["A"], press: ["qa-accept"] },
    { id: "reject", group: "Questions", words: "Reject the question", keys: ["R"], press: ["qa-reject"] },
    { id: "flag", group: "Questions", words: "Flag the question", keys: ["F"], press: ["qa-flag"] },
    { id: "edit", group: "Questions", words: "Edit the question", keys: ["E"], write: "question" },
    { id: "answer", group: "Questions", words: "Edit the answer", keys: ["W"], write: "answer" },
    { id: "tab-image", group: "Tabs", words: "Image", keys: ["1"], tab: "image" },
    { id: "tab-depth", group: "Tabs", words: "Depth & layers", keys: ["2"], tab: "depth" },
    { id: "tab-space", group: "Tabs", words: "3D", keys: ["3"], tab: "space" },
    { id: "tab-graph", group: "Tabs", words: "Graph", keys: ["4"], tab: "graph" },
    { id: "tab-regenerate", group: "Tabs", words: "Regenerate", keys: ["5"], tab: "regenerate" },
    { id: "tab-questions", group: "Tabs", words: "Questions", keys: ["6"], tab: "questions" },
    { id: "tab-dataset", group: "Tabs", words: "Data set", keys: ["7"], tab: "dataset" },
    { id: "tab-evaluate", group: "Tabs", words: "Evaluate", keys: ["8"], tab: "evaluate" },
  ];
  const STORED = "space-studio-keys";
  const NOT_TEXT = ["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"];
  const OWN_KEYS = "svg.ed-canvas, canvas, [data-own-keys], [role=application]";
  const NEEDED = ["Tab", "Shift+Tab", "Enter", "Shift+Enter", "Space", "Shift+Space", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  const MODIFIERS = ["Control", "Shift", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Process", "Unidentified"];

  // ---- keys as words: "J", "Shift+J", "Ctrl+Enter", "?" ---------------------------------------------------------------
  function keyOf(ev) {
    if (ev.isComposing || MODIFIERS.includes(ev.key)) return "";
    const typed = ev.getModifierState("AltGraph");
    let key = ev.key === " " ? "Space" : ev.key;
    if (/^Key[A-Z]$/.test(ev.code) && !/^[\x20-\x7e]+$/.test(key)) key = ev.code.slice(3); // other alphabets
    const letter = /^[a-z]$/i.test(key);
    if (letter) key = key.toUpperCase();
    const ctrl = (ev.ctrlKey || ev.metaKey) && !typed, shift = ev.shiftKey && (letter || key.length > 1);
    return (ctrl ? "Ctrl+" : "") + (ev.altKey && !typed ? "Alt+" : "") + (shift ? "Shift+" : "") + key;
  }

  // ---- keys of one's own -----------------------------------------------------------------------------------------------
  const isKeys = (value) => Array.isArray(value) && value.length > 0 && value.length <= 4 && value.every((k) => typeof k === "string" && k.length > 0 && k.length <= 40);
  let own = {};
  try {
    const kept = JSON.parse(localStorage.getItem(STORED) || "{}");
    for (const action of ACTIONS) if (isKeys(kept[action.id])) own[action.id] = kept[action.id];
  } catch (_) { own = {}; }
  const keysOf = (action) => own[action.id] || action.keys;
  const actionAt = (key) => ACTIONS.find((action) => keysOf(action).includes(key));
  function keep() {
    try { localStorage.setItem(STORED, JSON.stringify(own)); } catch (_) { /* no storage: kept until the page is left */ }
  }

  // ---- doing -----------------------------------------------------------------------------------------------------------
  const seen = (node) => !!node && node.getClientRects().length > 0;
  function target(id) {
    const node = document.getElementById(id);
    return node && (node.matches("button") ? node : node.querySelector("input, button") || node);
  }

  let said = null, timer = 0;
  function say(text) {
    if (!said) {
      said = document.createElement("div");
      said.id = "studio-said";
      said.setAttribute("role", "status");
      document.body.append(said);
    }
    clearTimeout(timer);
    said.textContent = text;
    timer = setTimeout(() => { said.textContent = ""; }, 3000);
  }

  function openTab(name) {
    const button = document.getElementById("tab-" + name + "-button");
    if (seen(button)) button.click();
    else window.studioPlace?.go({ tab: name }, true);      // on a narrow screen it is in a menu
  }

  function run(action) {
    if (action.tab) return openTab(action.tab);
    if (action.id === "help") return open();
    if (action.write) {
      const field = document.querySelector(`#${action.write} textarea, #${action.write} input`);
      if (!seen(field)) return say(`“${action.words}” works in the ${action.group} tab.`);
      field.focus();
      return field.select();
    }
    const button = action.press.map(target).find(seen);
    if (!button) return say(action.group === "Everywhere" ? `“${action.words}”: there is nothing to do here.` : `“${action.words}” works in the ${action.group} tab.`);
    if (button.disabled) return say(`“${action.words}”: there is nothing to do.`);
    const writing = action.inText && document.activeElement?.matches("input");
    if (writing) document.activeElement.blur();            // a list takes what was typed when it is left
    if (writing) requestAnimationFrame(() => button.click());
    else button.click();
  }

  function writes(node) {
    if (!(node instanceof Element)) return false;
    if (node.closest("textarea, select") || node.isContentEditable) return true;
    return node.tagName === "INPUT" && !NOT_TEXT.includes(node.type);
  }

  function pressed(ev) {
    if (ev.defaultPrevented || dialog?.open) return;
    const key = keyOf(ev), action = key && actionAt(key), at = ev.composedPath()[0];
    if (!action) return;
    if (writes(at) && !action.inText) return;
    if (!ev.ctrlKey && !ev.metaKey && at instanceof Element && at.closest(OWN_KEYS)) return;
    ev.preventDefault();
    if (ev.eventPhase === Event.CAPTURING_PHASE) ev.stopPropagation();
    if (!ev.repeat || /^(next|previous)/.test(action.id)) run(action);
  }
  document.addEventListener("keydown", pressed);
  // A cell of a table would take any letter as the start of writing; there it is a double-click or Enter that starts it.
  document.addEventListener("keydown", (ev) => {
    if (ev.target instanceof Element && ev.target.closest("[role=grid]")) pressed(ev);
  }, true);

  // ---- the list of keys --------------------------------------------------------------------------------------------------
  let dialog = null, note = null, changing = null;         // changing: { action, index, button }

  function make(tag, parent, text, attributes) {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    for (const name in attributes) node.setAttribute(name, attributes[name]);
    parent?.append(node);
    return node;
  }

  function label(button, action, index) {
    const key = keysOf(action)[index];
    button.textContent = key;
    button.setAttribute("aria-label", `${action.words}: ${key}. Change this key`);
    button.classList.remove("waits");
  }

  function rows() {
    const body = dialog.querySelector(".keys-body");
    body.replaceChildren();
    for (const group of new Set(ACTIONS.map((action) => action.group))) {
      const section = make("section", body);
      make("h3", section, group);
      for (const action of ACTIONS.filter((a) => a.group === group)) {
        const row = make("div", section, "", { class: "keys-row" });
        make("span", row, action.words);
        const keys = make("span", row, "", { class: "keys-keys" });
        if (own[action.id]) {
          const back = make("button", keys, "reset", { type: "button", class: "keys-back", "aria-label": `${action.words}: back to ${action.keys.join(" or ")}` });
          back.addEventListener("click", () => reset([action]));
        }
        keysOf(action).forEach((_, index) => {
          const button = make("button", keys, "", { type: "button", class: "keys-key", "data-action": action.id });
          label(button, action, index);
          button.addEventListener("click", () => change(action, index, button));
        });
      }
    }
  }

  function focusKey(action, index) {
    dialog.querySelectorAll(`[data-action="${action.id}"]`)[index]?.focus();
  }

  function change(action, index, button) {
    stop();
    changing = { action, index, button };
    button.textContent = "press a key";
    button.classList.add("waits");
    note.textContent = `Press the new key for “${action.words}”, or Escape to keep ${keysOf(action)[index]}.`;
  }

  function stop() {
    if (changing) label(changing.button, changing.action, changing.index);
    changing = null;
  }

  function reset(actions) {
    stop();
    const others = ACTIONS.filter((a) => !actions.includes(a)), clash = actions.find((a) => others.some((b) => keysOf(b).some((k) => a.keys.includes(k))));
    if (clash) {
      note.textContent = `The first key of “${clash.words}” is in use elsewhere: change that one first, or reset all.`;
      return;
    }
    for (const action of actions) delete own[action.id];
    keep();
    rows();
    note.textContent = actions.length > 1 ? "All keys are as they were." : `“${actions[0].words}” is ${actions[0].keys.join(" or ")} again.`;
    if (actions.length === 1) focusKey(actions[0], 0);
  }

  function take(ev) {
    const key = keyOf(ev);
    if (!key) return;
    ev.preventDefault();
    ev.stopPropagation();
    const { action, index } = changing;
    if (key === "Escape") {
      note.textContent = `“${action.words}” stays ${keysOf(action)[index]}.`;
      return stop();
    }
    const taken = actionAt(key);
    if (NEEDED.includes(key)) note.textContent = `${key} is needed to move around the page. Press another key, or Escape.`;
    else if (taken && !(taken === action && keysOf(action)[index] === key)) note.textContent = `${key} already means “${taken.words}”. Press another key, or Escape.`;
    else {
      own[action.id] = keysOf(action).map((old, i) => (i === index ? key : old));
      changing = null;
      keep();
      rows();
      note.textContent = `“${action.words}” is ${key} now.`;
      focusKey(action, index);
    }
  }

  function build() {
    dialog = make("dialog", document.body, "", { id: "keys", "aria-labelledby": "keys-title" });
    const head = make("div", dialog, "", { class: "keys-head" });
    make("h2", head, "Keys", { id: "keys-title" });
    const close = make("button", head, "Close", { type: "button", class: "keys-close" });
    make("p", dialog, "Click a key to change it; your keys stay in this browser. Text fields, the picture, the graph and the 3D view keep their own keys while they have the focus.");
    note = make("p", dialog, "", { role: "status", class: "keys-note" });
    make("div", dialog, "", { class: "keys-body", tabindex: "0", role: "region", "aria-label": "All keys" });
    const all = make("button", make("div", dialog, "", { class: "keys-foot" }), "Reset all keys", { type: "button", class: "keys-all" });
    close.addEventListener("click", () => dialog.close());
    all.addEventListener("click", () => reset(ACTIONS));
    dialog.addEventListener("click", (ev) => { if (ev.target === dialog) dialog.close(); });
    dialog.addEventListener("cancel", (ev) => { if (changing) { ev.preventDefault(); stop(); } });
    dialog.addEventListener("close", stop);
    dialog.addEventListener("keydown", (ev) => {
      if (changing) return take(ev);
      if (actionAt(keyOf(ev))?.id === "help") { ev.preventDefault(); dialog.close(); }
    });
  }

  function open() {
    if (!dialog) build();
    rows();
    note.textContent = "";
    dialog.showModal();
    dialog.querySelector(".keys-close").focus();
  }

  document.addEventListener("click", (ev) => {
    if (ev.target instanceof Element && ev.target.closest("#help")) open();
  });

  // ---- what a button's key is, told by the button ------------------------------------------------------------------------
  const NAMES = { "sample-next": "Next sample", "sample-previous": "Previous sample" };
  function tell(node) {
    const button = node instanceof Element && node.closest("button[id]");
    if (!button) return;
    const action = ACTIONS.find((a) => a.press?.includes(button.id) || (a.tab && button.id === "tab-" + a.tab + "-button"));
    const what = button.dataset.what ? ` “${button.dataset.what}”` : "";
    if (action) button.title = `${action.words}${what} (${keysOf(action).join(" or ")})`;
  }
  document.addEventListener("pointerover", (ev) => tell(ev.target));
  document.addEventListener("focusin", (ev) => tell(ev.target));
  document.addEventListener("studio-drawn", () => ["undo", "redo"].forEach((id) => tell(document.getElementById(id))));
  new MutationObserver((_, watcher) => {
    const waiting = Object.entries(NAMES).filter(([id, name]) => {
      const button = document.getElementById(id);
      button?.setAttribute("aria-label", name);
      return !button;
    });
    if (!waiting.length) watcher.disconnect();
  }).observe(document.documentElement, { childList: true, subtree: true });
})();

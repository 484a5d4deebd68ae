// The connection: a line while the studio can't be reached, and the page as it is now once it can be again.
(() => {
  const EVERY = 15000, AGAIN = 2000, PATIENCE = 8000;      // ms
  let first = null, lost = false, slow = 0, timer = 0, quiet = 0, line = null, asking = false;

  async function studio() {                                // which run of the studio answers; throws when none does
    const stop = new AbortController(), clock = setTimeout(() => stop.abort(), PATIENCE);
    try {
      const answer = await fetch((window.gradio_config?.root ?? "") + "/gradio_api/app_id", { cache: "no-store", signal: stop.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      return (await answer.json()).app_id;
    } finally { clearTimeout(clock); }
  }

  function show(text, state) {
    if (!line) {
      line = document.createElement("div");
      line.id = "studio-lost";
      line.setAttribute("role", "alert");
      document.body.append(line);
    }
    clearTimeout(quiet);
    line.hidden = !text;
    line.dataset.state = state;
    if (line.textContent !== text) line.textContent = text;
  }

  function gone() {
    const unsent = window.studioPlace?.unsent();
    show("Connection lost; " + (unsent ? "your last edit may not be saved, what you did before is." : "what you did before is saved.") + " Trying again…", "lost");
  }

  // An edit had no answer when the connection went: whether it is stored is seen from what is drawn now.
  document.addEventListener("studio-drawn", ({ detail: { lost: before, rev, sample } }) => {
    if (!before || before.sample !== sample) return;
    show(rev === before.rev ? "Your last edit was not saved. If you still miss it in a moment, please do it once more." : "Your last edit was saved, although its answer was lost.", "back");
    quiet = setTimeout(() => show("", ""), 12000);
  });

  function back(id) {
    lost = false;
    show("", "");
    if (first !== null && id !== first) location.reload(); // it was started anew; the address says what was open
    else window.studioPlace?.go({}, false);
  }

  async function check() {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    try {
      const id = await studio();
      if (lost) back(id);
      first ??= id;
      slow = 0;
    } catch (error) {
      slow = error.name === "AbortError" ? slow + 1 : 2;   // one late answer may only mean much work
      if (slow >= 2 && first !== null) { lost = true; gone(); }
    }
    asking = false;
    timer = setTimeout(check, lost ? AGAIN : EVERY);
  }

  const soon = () => { if (document.visibilityState === "visible") check(); };
  window.addEventListener("offline", check);
  window.addEventListener("online", check);
  document.addEventListener("visibilitychange", soon);
  document.addEventListener("studio-silent", check);       // an edit still has no answer
  if (document.readyState === "complete") check();
  else window.addEventListener("load", check);
})();

// Text that is typed and not saved: it stays with this window over a reload, another tab of the page, a refused or lost edit.
(() => {
  const OBJECT = ["object-apply", "object-add", "object-label", "object-attributes", "object-box"];
  const QUESTION = ["qa-save"];
  const FIELDS = {                                         // of: what the text is about; saved: by events of these
    "scene": { of: "", saved: ["make-scene", "scene"] },
    "object-label": { of: "object", saved: OBJECT },
    "object-attributes": { of: "object", saved: OBJECT },
    "object-box": { of: "object", saved: OBJECT },
    "absent": { of: "sample", saved: ["set-absent"] },
    "want-label": { of: "sample", saved: ["want-add", "want-label"] },
    "prompt": { of: "sample", saved: ["set-prompt"] },
    "negative": { of: "sample", saved: ["set-prompt"] },
    "question": { of: "question", saved: QUESTION },
    "answer": { of: "question", saved: QUESTION },
    "sample-name": { of: "sample", saved: ["sample-rename", "sample-name"] },
  };
  const STORED = "space-studio-typed", MOST = 60;
  let typed = {}, asked = "", sent = {}, given = new WeakMap();
  try { typed = JSON.parse(sessionStorage.getItem(STORED)) || {}; } catch { /* none */ }

  const input = (id) => document.querySelector(`#${id} textarea, #${id} input`);
  function about(id) {                                     // "" where there is nothing the text could be of
    const now = window.studioPlace?.now(), of = FIELDS[id].of;
    if (!of) return id;
    const parts = { sample: "-", object: now?.selected || "-", question: asked };
    return now?.sample && parts[of] ? [id, now.sample, parts[of]].join(" ") : "";
  }

  function store() {
    const names = Object.keys(typed);
    for (const name of names.slice(0, Math.max(0, names.length - MOST))) delete typed[name];
    try { sessionStorage.setItem(STORED, JSON.stringify(typed)); } catch { /* kept until the page is left */ }
  }

  function mark(id) {
    const block = document.getElementById(id), kept = typed[about(id)];
    if (!block || !FIELDS[id].of) return;
    if (kept && input(id)?.value === kept.text) block.dataset.unsaved = "";
    else delete block.dataset.unsaved;
  }

  function keep(id) {
    const node = input(id), name = about(id);
    if (!node || !name) return;
    const base = typed[name]?.base ?? given.get(node) ?? "";
    delete typed[name];                                    // and named last again
    if (node.value !== base) typed[name] = { base, text: node.value };
    store();
    mark(id);
  }

  // Where a field shows again what it showed before the text; of a sample, as long as it is the same sample.
  function putBack() {
    for (const id in FIELDS) {
      const node = input(id), kept = typed[about(id)], writes = node === document.activeElement;
      const again = node && kept && node.value !== kept.text && (node.value === kept.base || FIELDS[id].of === "sample");
      if (again && !(writes && id === "answer")) {
        node.value = kept.text;
        node.dispatchEvent(new Event("input", { bubbles: true }));
        if (id === "answer") node.dispatchEvent(new FocusEvent("blur")); // a list takes what was typed when it is left
      } else if (node && !kept && !writes) given.set(node, node.value);
      mark(id);
    }
  }
  let waiting = [];
  function later() { waiting.forEach(clearTimeout); waiting = []; }
  function soon() { later(); waiting = [60, 300, 1000].map((wait) => setTimeout(putBack, wait)); }

  const fieldOf = (node) => node instanceof Element ? Object.keys(FIELDS).find((id) => node.closest(`#${id}`)) : undefined;
  document.addEventListener("focusin", (ev) => {
    const id = fieldOf(ev.target);
    if (id && ev.target === input(id) && !(about(id) in typed)) given.set(ev.target, ev.target.value);
  });
  document.addEventListener("input", (ev) => { const id = fieldOf(ev.target); if (id && ev.isTrusted) keep(id); });
  document.addEventListener("focusout", (ev) => { if (fieldOf(ev.target) === "answer") setTimeout(() => keep("answer"), 60); });

  function leaves(by) {                                    // what is written now is on its way
    for (const id in FIELDS) if (FIELDS[id].saved.includes(by)) sent[id] = { name: about(id), text: typed[about(id)]?.text };
  }
  document.addEventListener("click", (ev) => { later(); const button = ev.target instanceof Element && ev.target.closest("button[id]"); if (button) leaves(button.id); }, true);
  document.addEventListener("keydown", (ev) => {
    const id = fieldOf(ev.target);
    if (ev.key === "Enter" && id) leaves(id);
    if (ev.key !== "Escape" || !id || !(about(id) in typed) || document.querySelector(`#${id} [role=listbox]`)) return;
    delete typed[about(id)];
    store();
    ev.target.blur();
    window.studioPlace?.go({}, false);                     // draws what is saved
  });
  document.addEventListener("studio-drawn", ({ detail: { by, done } }) => {
    for (const id in FIELDS) {
      if (!FIELDS[id].saved.includes(by)) continue;
      const name = sent[id]?.name, text = sent[id]?.text;
      delete sent[id];
      if (!done || !typed[name] || typed[name].text !== text) continue;
      delete typed[name];
      if (input(id)?.value === text) given.set(input(id), text);
    }
    store();
    soon();
  });

  // Whether edits are previewed is kept with the window, too.
  document.addEventListener("change", (ev) => {
    if (ev.target instanceof Element && ev.target.closest("#ask")) {
      try { sessionStorage.setItem("space-studio-ask", ev.target.checked ? "1" : ""); } catch { /* until the page is left */ }
    }
  });
  document.addEventListener("studio-drawn", () => {
    const box = document.querySelector("#ask input");
    try { if (sessionStorage.getItem("space-studio-ask") && box && !box.checked) box.click(); } catch { /* none */ }
  }, { once: true });

  window.studioTyped = {
    question(key) {                                        // which question the form shows
      asked = key || "";
      try { sessionStorage.setItem("space-studio-question", asked); } catch { /* kept nowhere */ }
      soon();
    },
  };
})();

// The address of the page names the open sample and tab; going back and forth opens what it names.
// `element`, `trigger`, `props`, `watch` are given by gr.HTML.
const word = element.querySelector(".place-word");
let settled = false;                                     // the first state replaces the address, later ones add to it
let asked = 0, waits = false, keeps = false, timer = 0, newest = 0;
let now = null, flying = null;                           // what is shown; what was shown when an edit left that has no answer
let missed = null;                                       // the same, once the connection or the page was lost
try { missed = JSON.parse(sessionStorage.getItem("space-studio-missed")); } catch { /* none */ }

function miss(edit) {
  missed = edit;
  try { sessionStorage.setItem("space-studio-missed", JSON.stringify(edit && { sample: edit.sample, rev: edit.rev })); } catch { /* not over a reload */ }
}

function read() {
  const query = new URLSearchParams(location.search);
  return { sample: query.get("sample") || "", tab: query.get("tab") || "" };
}

function follow(value, replace) {
  const now = read();
  if (now.sample === value.sample && now.tab === value.tab) return;
  const url = new URL(location.href);
  for (const key of ["sample", "tab"]) {
    if (value[key]) url.searchParams.set(key, value[key]);
    else url.searchParams.delete(key);
  }
  history[replace ? "replaceState" : "pushState"](history.state, "", url);
}

function say(text, state) {
  clearTimeout(timer);
  if (word.textContent !== text) word.textContent = text;
  word.dataset.state = state;
}

function show(value) {
  if (!value || !value.stamp || value.stamp < newest) return;
  newest = value.stamp;
  if (waits && value.answers !== asked) return;          // drawn before the answer that is awaited
  const replace = !settled || (waits && !keeps);
  waits = false;
  settled = true;
  say(value.word, value.word === "saved" ? "saved" : value.word ? "preview" : "none");
  follow(value, replace);
  try {
    localStorage.setItem("space-studio-place", JSON.stringify({ sample: value.sample, tab: value.tab }));
    sessionStorage.setItem("space-studio-window", JSON.stringify({ of: value.sample, selected: value.selected }));
  } catch { /* kept nowhere */ }
  for (const id of ["undo", "redo"]) {
    const button = document.getElementById(id);
    if (button) button.dataset.what = value[id] || "";
  }
  const lost = !now || (value.answers > 0 && value.answers === asked) ? missed : null;
  now = value;
  if (value.by) flying = null;
  if (missed && (value.by || lost)) miss(null);
  document.dispatchEvent(new CustomEvent("studio-drawn", { detail: { ...value, lost } }));
}

// Opens a sample or tab; `add` makes it a new step of the browser's history.
function go(where, add) {
  if (!settled) return;                                  // the page is only just arriving, and reads the address itself
  asked += 1;
  waits = true;
  keeps = !!add;
  trigger("go", Object.assign(read(), where, { asked }));
}

watch("value", () => show(props.value));
window.addEventListener("pagehide", () => { if (flying) miss(flying); });
window.addEventListener("popstate", () => { if (element.isConnected) go({}, false); });
window.studioPlace = {
  go,
  arrived: () => settled,
  now: () => now,
  busy(text) {                                           // an edit has been sent; what comes back says how it stands
    flying = now;
    clearTimeout(timer);
    // What was told of earlier acts goes: Gradio would end a new message of the same kind with the first one's time.
    for (const close of document.querySelectorAll(".toast-wrap .toast-close")) close.click();
    timer = setTimeout(() => {
      say(text, "busy");
      if (!navigator.onLine) document.dispatchEvent(new Event("studio-silent"));
      timer = setTimeout(() => document.dispatchEvent(new Event("studio-silent")), 3000);
    }, 150);
  },
  unsent() {                                             // the connection is lost; whether an edit had no answer yet
    if (flying) miss(flying);
    flying = null;
    if (missed) say("not saved: no connection", "preview");
    return !!missed;
  },
};
show(props.value);

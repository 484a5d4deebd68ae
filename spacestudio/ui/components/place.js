// The address of the page names the open sample and tab; going back and forth opens what it names.
// `element`, `trigger`, `props`, `watch` are given by gr.HTML.
const word = element.querySelector(".place-word");
let settled = false;                                     // the first state replaces the address, later ones add to it
let asked = 0, waits = false, keeps = false, timer = 0, newest = 0;

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
  try { localStorage.setItem("space-studio-place", JSON.stringify({ sample: value.sample, tab: value.tab })); } catch { /* kept nowhere */ }
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
window.addEventListener("popstate", () => { if (element.isConnected) go({}, false); });
window.studioPlace = {
  go,
  arrived: () => settled,
  busy(text) {                                           // an edit has been sent; what comes back says how it stands
    clearTimeout(timer);
    timer = setTimeout(() => {
      say(text, "busy");
      timer = setTimeout(() => document.dispatchEvent(new Event("studio-silent")), 3000);
    }, 150);
  },
  unsent() { if (word.dataset.state === "busy") say("not saved: no connection", "preview"); },
};
show(props.value);

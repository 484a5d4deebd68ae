// Shared by the editors, and written before each one's own script, which ends with `connect`. Runs once per editor, inside
// gr.HTML's js_on_load: `element`, `trigger`, `props`, `watch` are given.
const NS = "http://www.w3.org/2000/svg";
const clone = (value) => JSON.parse(JSON.stringify(value));
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const find = (selector) => element.querySelector(selector);
const svg = find("svg.ed-canvas");
const uid = Math.random().toString(36).slice(2);

function mk(tag, attributes, parent) {
  const node = document.createElementNS(NS, tag);
  set(node, attributes);
  if (parent) parent.appendChild(node);
  return node;
}

// Writes only what changed: most redraws touch few attributes.
function set(node, attributes) {
  for (const name in attributes) {
    const text = String(attributes[name]);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const short = (text, most) => ([...text].length > most ? [...text].slice(0, most - 1).join("") + "…" : text);

function say(text) {
  write(find(".ed-say"), text);
}

// ---- elements reused by key: replacing a pressed or focused element would kill clicks and focus --------------------
function keyed(parent, build) {
  const live = new Map();
  return function (items, update) {
    const wanted = new Set(items.map((item) => item.id));
    for (const [id, part] of live) {
      if (wanted.has(id)) continue;
      if (part.contains(document.activeElement)) focusPart(null);
      part.remove();
      live.delete(id);
    }
    for (const item of items) {
      let part = live.get(item.id);
      if (!part) {
        part = build(item.id);
        parent.appendChild(part);
        live.set(item.id, part);
      }
      update(part, item);
    }
    return live;
  };
}

// Puts elements in this order, moving only when it differs; a moved element loses focus, so give it back.
function reorder(parent, parts) {
  if (parts.every((part, i) => parent.children[i] === part)) return;
  const focused = document.activeElement;
  parent.append(...parts);
  if (focused && focused !== document.activeElement && parent.contains(focused)) focusPart(focused);
}

// ---- width of a text in pixels ------------------------------------------------------------------------------------
const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();
function textWidth(text, size, weight) {
  const key = size + "|" + weight + "|" + text;
  if (!widths.has(key)) {
    if (widths.size > 2000) widths.clear();
    ruler.font = weight + " " + size + "px " + (getComputedStyle(svg).fontFamily || "sans-serif");
    widths.set(key, ruler.measureText(text).width);
  }
  return widths.get(key);
}

// ---- the view: screen = x, y + k * world ---------------------------------------------------------------------------
const view = { k: 1, x: 0, y: 0, fitted: true, fitK: 1 };
const toScreen = (x, y) => ({ x: view.x + view.k * x, y: view.y + view.k * y });
const toWorld = (x, y) => ({ x: (x - view.x) / view.k, y: (y - view.y) / view.k });
const canvasSize = () => ({ w: svg.clientWidth || svg.getBoundingClientRect().width, h: svg.clientHeight || svg.getBoundingClientRect().height });
function pointerAt(ev) {
  const r = svg.getBoundingClientRect();
  return { x: ev.clientX - r.left, y: ev.clientY - r.top };
}
function fitView(worldW, worldH, padX, padY) {
  const { w, h } = canvasSize();
  if (!w || !h) return;                                  // a hidden tab: the ResizeObserver calls again
  view.k = view.fitK = Math.max(1e-4, Math.min((w - 2 * padX) / worldW, (h - 2 * padY) / worldH));
  view.x = (w - view.k * worldW) / 2;
  view.y = (h - view.k * worldH) / 2;
  view.fitted = true;
}
function zoomAt(point, factor) {
  const k = clamp(view.k * factor, view.fitK * 0.5, view.fitK * 12);
  view.x = point.x - ((point.x - view.x) / view.k) * k;
  view.y = point.y - ((point.y - view.y) / view.k) * k;
  view.k = k;
  view.fitted = false;
}
function zoomable(draw) {                                 // by Ctrl and the wheel; its commands
  svg.addEventListener("wheel", (ev) => {
    if (!ev.ctrlKey && !ev.metaKey) return;              // a plain wheel keeps scrolling the page
    ev.preventDefault();
    zoomAt(pointerAt(ev), Math.exp(-ev.deltaY * 0.002));
    soon(draw);
  }, { passive: false });
  const centred = (factor) => () => {
    const { w, h } = canvasSize();
    zoomAt({ x: w / 2, y: h / 2 }, factor);
    draw();
  };
  return { in: centred(1.25), out: centred(0.8) };
}

// ---- two fingers pan and zoom ------------------------------------------------------------------------------------
const fingers = new Map();
function pinch(ev) {                                     // true while two fingers are down
  if (ev.pointerType !== "touch" || !fingers.has(ev.pointerId)) return false;
  const before = [...fingers.values()];
  fingers.set(ev.pointerId, pointerAt(ev));
  if (fingers.size < 2) return false;
  const after = [...fingers.values()];
  const middle = (p) => ({ x: (p[0].x + p[1].x) / 2, y: (p[0].y + p[1].y) / 2 });
  const spread = (p) => Math.hypot(p[0].x - p[1].x, p[0].y - p[1].y) || 1;
  view.x += middle(after).x - middle(before).x;
  view.y += middle(after).y - middle(before).y;
  zoomAt(middle(after), spread(after) / spread(before));
  return true;
}
for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (ev) => fingers.delete(ev.pointerId));
svg.addEventListener("pointerdown", (ev) => { if (ev.pointerType === "touch") fingers.set(ev.pointerId, pointerAt(ev)); }, true);
const underPointer = (ev) => document.elementFromPoint(ev.clientX, ev.clientY) || svg; // capture hides an event's real target
svg.addEventListener("mousedown", (ev) => ev.preventDefault());
function focusPart(part) {
  (part || svg).focus({ preventScroll: true });
}
function capture(ev) {
  try { svg.setPointerCapture(ev.pointerId); } catch (_) { /* the pointer is already gone */ }
}

// ---- one drawing per frame ----------------------------------------------------------------------------------------
let frame = 0;
function soon(draw) {
  if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); });
}

// ---- edits leave one at a time, in order: the next waits for Python's answer to the one before ---------------------
const PATIENCE = 4000;                                   // ms; without an answer the edit counts as refused
function makeOutbox(revision, refused) {
  const waiting = [];
  let sent = null, timer = 0;
  function pump() {
    if (sent || !waiting.length) return;
    sent = waiting.shift();
    timer = setTimeout(() => { sent = null; refused(); pump(); }, PATIENCE);
    trigger("edit", Object.assign({}, sent, { rev: revision() }));
  }
  return {
    push(edit) { waiting.push(edit); pump(); },
    answered() { clearTimeout(timer); const edit = sent; sent = null; return edit; },
    pump,
    waiting,
    unanswered: () => (sent ? [sent, ...waiting] : [...waiting]),
    rename(from, to, fields) {                           // Python gave a new thing its real id
      for (const edit of waiting) for (const field of fields) if (edit[field] === from) edit[field] = to;
    },
  };
}

// Whether the value that just came answers the edit under way. The answer to a pick may carry the same state as before.
function answersEdit(value, truth) {
  return value.rev !== truth.rev || value.key !== truth.key || !picks.open();
}
function isLate(value, truth) {                          // an older state that arrived after a newer one
  if (!props.value) return false;
  return value.stamp < truth.stamp || (!!value.key && value.key === truth.key && value.rev < truth.rev);
}

// ---- picks: an echo of an older pick must not undo a newer one -----------------------------------------------------
function makePicks() {
  let mine = [], unanswered = [];
  return {
    open() {                                             // takes one pick that still waits for its answer
      unanswered = unanswered.filter((pick) => Date.now() - pick.at < 1500);
      return unanswered.shift() !== undefined;
    },
    send(key, payload) {
      const now = Date.now();
      unanswered.push({ key, at: now });
      mine = mine.filter((pick) => now - pick.at < 3000).concat({ key, at: now });
      trigger("pick", payload);
    },
    outdated(key) {                                      // true when Python only repeats what the person has left since
      const open = unanswered.findIndex((pick) => pick.key === key), i = mine.findIndex((pick) => pick.key === key);
      if (open >= 0) unanswered.splice(open, 1);
      if (i < 0 || Date.now() - mine[i].at > 3000) return false;
      const newer = i < mine.length - 1;
      mine = mine.slice(i + 1);
      return newer;
    },
  };
}

// ---- what Python holds, and what the person sees ----------------------------------------------------------------------
// `truth` is the last value from Python, `local` is truth plus the edits Python has not answered yet. An editor says with
// `begin` what there is before any value, and with `connect` what only it knows:
//   draw()                 draws `local`
//   applyEdit(edit)        does to `local` what Python will do
//   rebuilt(newDocument)   `local` is new: draw it
//   known(id)              whether `id` can be chosen; one that can't yet is chosen once it has come
//   learnId(edit, before)  Python answered an edit; `before` was the truth then
//   followed(id)           something was chosen elsewhere
let blank = null, truth = null, local = null, editor = null;
let selected = props.selected || null, asked = null;     // `asked`: chosen in Python, and has not arrived yet
let gesture = null, nudging = null, postponed = false;
const picks = makePicks(), outbox = makeOutbox(() => truth.rev, refuse);

function begin(empty) {
  blank = empty;
  truth = clone(props.value || blank);
  local = clone(truth);
}
function connect(hooks) {
  editor = hooks;
  watch("value", adopt);
  watch("selected", () => {
    const id = props.selected || null;
    if (picks.outdated(id) || id === selected) return;
    flushNudge();
    asked = id && !editor.known(id) ? id : null;
    if (!asked) selected = id;
    if (!asked && editor.followed) editor.followed(id);
    editor.draw();
  });
  svg.addEventListener("focusout", flushNudge);
}
function send(edit) {                                    // drawn at once, told to Python in its turn
  editor.applyEdit(edit);
  outbox.push(edit);
  soon(editor.draw);
}
const busy = () => gesture !== null || nudging !== null;
function settle() {                                      // takes a value that came while the person was busy
  if (!postponed || busy()) return;
  postponed = false;
  adopt();
}
function adopt() {
  const value = props.value || blank, before = truth;
  if (isLate(value, truth)) return;
  if (busy() && value.key === truth.key) { postponed = true; return; }
  giveUp();                                              // what was being done belongs to another document
  const edit = answersEdit(value, truth) ? outbox.answered() : null;
  truth = clone(value);
  if (edit && editor.learnId) editor.learnId(edit, before);
  rebuild(["key", "width", "height"].some((name) => truth[name] !== before[name]));
  outbox.pump();
}
function rebuild(newDocument) {
  local = clone(truth);
  outbox.unanswered().forEach(editor.applyEdit);
  if (asked && editor.known(asked)) { selected = asked; asked = null; }
  editor.rebuilt(newDocument);
}
function refuse() {                                      // no answer came: show what Python still holds
  if (busy()) postponed = true;
  else rebuild(false);
}
function giveUp() {
  if (nudging) clearTimeout(nudging.timer);
  gesture = nudging = null;
}

// ---- arrow keys gather into one edit, sent when the keys rest ----------------------------------------------------------
function keepNudging(begun, rest) {                      // `begun`: what is being moved, and `send`, which tells Python
  if (!nudging) nudging = begun;
  clearTimeout(nudging.timer);
  nudging.timer = setTimeout(flushNudge, rest);
  soon(editor.draw);
}
function flushNudge() {
  if (!nudging) return;
  const done = nudging;
  clearTimeout(done.timer);
  nudging = null;
  done.send();
  settle();
  soon(editor.draw);
}

// ---- a small popover near a point ----------------------------------------------------------------------------------
// It opens at `point.y`; where that is out of sight, at `point.below` or ending at `point.above`.
const pop = find(".ed-pop");
let popDone = null;                                      // called with true when the popover is left without choosing
function openPop(point, build, done) {
  closePop();
  pop.replaceChildren();
  build(pop);
  pop.hidden = false;
  popDone = done || null;
  placePop(point);
  const field = pop.querySelector("select,input");
  if (field) field.focus({ preventScroll: true });
  if (field && field.select) field.select();
}
function placePop(point) {                               // again after the popover has grown
  const stage = find(".ed-stage").getBoundingClientRect();
  const low = Math.max(4, headerEnd() + 4 - stage.top);
  const high = Math.max(low, Math.min(stage.height, window.innerHeight - stage.top) - pop.offsetHeight - 6);
  const places = [point.y, point.below, point.above - pop.offsetHeight].filter((y) => y >= low && y <= high);
  pop.style.left = clamp(point.x, 4, Math.max(4, stage.width - pop.offsetWidth - 6)) + "px";
  pop.style.top = (places.length ? places[0] : clamp(point.y, low, high)) + "px";
}
function headerEnd() {                                   // how far the page's sticky header reaches over the stage
  const header = document.querySelector(".studio-header");
  return header && getComputedStyle(header).position === "sticky" ? header.getBoundingClientRect().bottom : 0;
}
function closePop() {
  if (pop.hidden) return;
  const done = popDone;
  popDone = null;
  pop.hidden = true;
  if (done) done();
}
// Text fields in a popover, each [title, text, most characters]: one alone, or several with their titles and a button.
// Enter, the button or leaving takes them, Escape gives up. `done(texts, byKey)`: null when given up; after a key the caller
// may move the focus, after a click elsewhere it must not.
function askTexts(point, fields, done) {
  const several = fields.length > 1, inputs = [], parts = [];
  let over = false;
  const make = (tag, attributes) => Object.assign(document.createElement(tag), attributes);
  const finish = (take, byKey) => {
    if (over) return;
    over = true;
    popDone = null;
    pop.hidden = true;
    done(take ? inputs.map((input) => input.value) : null, byKey);
  };
  for (const [title, text, most] of fields) {
    const input = make("input", { type: "text", value: text, maxLength: most, autocomplete: "off" }), frame = make("label");
    if (several) frame.append(make("span", { className: "ed-title", textContent: title }), input);
    else {
      input.placeholder = title;
      input.setAttribute("aria-label", title);
    }
    input.addEventListener("keydown", (ev) => {
      if (!ev.ctrlKey && !ev.metaKey) ev.stopPropagation();
      if (ev.key !== "Enter" && ev.key !== "Escape") return;
      ev.preventDefault();
      finish(ev.key === "Enter", true);
    });
    inputs.push(input);
    parts.push(several ? frame : input);
  }
  const save = make("button", { type: "button", textContent: "Save" });
  save.addEventListener("click", () => finish(true, true));
  if (several) parts.push(save);
  for (const part of [...inputs, save]) part.addEventListener("blur", (ev) => {
    if (!pop.contains(ev.relatedTarget)) finish(true, false);
  });
  openPop(point, (box) => box.append(...parts), () => finish(true, false));
}
const tidy = (text) => text.replace(/\s+/g, " ").trim();

// ---- toolbar --------------------------------------------------------------------------------------------------------
function onCommands(commands) {
  find(".ed-bar").addEventListener("click", (ev) => {
    const button = ev.target.closest("[data-cmd]");
    if (button && !button.disabled && commands[button.dataset.cmd]) commands[button.dataset.cmd](button);
  });
}
function enable(name, on) {
  const button = find("[data-cmd=" + name + "]");
  if (button && button.disabled === on) button.disabled = !on;
}
function showHint() {
  const hint = find(".ed-hint");
  write(hint, props.mode_hint || "");
  hint.hidden = !props.mode_hint;
}


// ---- LayerEditor -----------------------------------------------------------------------------------------------------
// Cuts are farness.
begin({ rev: 0, key: "", stamp: 0, unit: "", title: "", low: 0, high: 1, digits: 2, own: false, missing: 0, cuts: [], layers: [], shares: [], objects: [] });
const MOST = 12, APART = 0.004;                          // most cuts, and how near two may come
const TOP = 22, HIST = 64, AXIS = 40, ROW = 26, EDGE = 14;

let active = null;

// ---- places ----------------------------------------------------------------------------------------------------------
const names = () => (canvasSize().w < 520 ? 104 : 170);  // width of the column of names, px
const wide = () => Math.max(40, canvasSize().w - names() - EDGE);
const toX = (farness) => names() + farness * wide();
const toFar = (x) => clamp((x - names()) / wide(), APART, 1 - APART);
const rowY = (i) => TOP + HIST + AXIS + i * ROW;
const tall = () => rowY(local.objects.length) + 8;
const round = (value) => Math.round(value * 1e4) / 1e4;
const unit = () => (local.unit ? " " + local.unit : "");
const reading = (farness) => (local.low + farness * (local.high - local.low)).toFixed(local.digits) + unit();
const band = (i) => local.layers[Math.min(i, local.layers.length - 1)] || { index: i + 1, color: "", ink: "" };
const bandOf = (object) => local.layers.find((layer) => layer.index === object.layer);
const edges = () => [0, ...local.cuts, 1];

// ---- drawing ---------------------------------------------------------------------------------------------------------
const drawBands = keyed(find(".le-bands"), () => {
  const part = mk("g", { class: "le-band" });
  mk("rect", { y: 0 }, part);
  mk("text", { y: TOP / 2 }, part);
  return part;
});
const drawShares = keyed(find(".le-shares"), () => mk("rect", {}));
const drawTicks = keyed(find(".le-axis"), (id) => {
  const part = mk("g", {});
  mk("line", { y1: TOP + HIST, y2: TOP + HIST + 5 }, part);
  mk("text", id === "title" ? { class: "title" } : {}, part);
  return part;
});
const drawCuts = keyed(find(".le-cuts"), (id) => {
  const part = mk("g", { class: "le-cut", tabindex: 0, role: "slider", "data-cut": id, "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 1 });
  mk("title", {}, part);
  mk("rect", { class: "reach", x: -14, y: 0, width: 28 }, part);
  mk("rect", { class: "grip", x: -7, y: TOP + 14, width: 14, height: 32, rx: 5 }, part);
  for (const x of [-2.5, 2.5]) mk("line", { class: "teeth", x1: x, x2: x, y1: TOP + 23, y2: TOP + 37 }, part);
  return part;
});
const drawLines = keyed(find(".le-lines"), () => mk("path", { class: "le-line" }));
const drawBars = keyed(find(".le-bars"), (id) => {
  const part = mk("g", { class: "le-bar", tabindex: 0, role: "button", "data-bar": id });
  mk("title", {}, part);
  mk("rect", { class: "row", x: 1, y: 1, height: ROW - 2, rx: 4 }, part);
  mk("line", { class: "first", x1: 0, y1: 0, y2: 0 }, part);
  mk("rect", { class: "chip", x: 6, y: 4, width: 20, height: ROW - 8, rx: 4 }, part);
  mk("text", { class: "number", x: 16, y: ROW / 2 }, part);
  mk("text", { class: "name", x: 32, y: ROW / 2 }, part);
  mk("rect", { class: "body", y: 6, height: ROW - 12, rx: 2 }, part);
  mk("line", { class: "median", y1: 6, y2: ROW - 6 }, part);
  return part;
});
const bubble = mk("g", { visibility: "hidden" }, find(".le-bubble"));
mk("rect", { y: 1, height: 20, rx: 5 }, bubble);
mk("text", { y: 11 }, bubble);

function draw() {
  const known = local.shares.length > 0, chosen = local.objects.some((object) => object.id === selected);
  if (!local.cuts.some((_, i) => i === active)) active = null;
  find(".ed-empty").hidden = known;
  svg.style.height = (known ? tall() : 150) + "px";
  svg.classList.toggle("has-selection", chosen);
  const ends = known ? edges() : [];
  drawBands(ends.slice(1).map((far, i) => ({ id: i, near: ends[i], far })), drawBand);
  const most = Math.max(...local.shares, 1e-9), step = 1 / Math.max(1, local.shares.length);
  drawShares(local.shares.map((share, id) => ({ id, share })), (part, { id, share }) => {
    const height = (share / most) * (HIST - 8);
    set(part, { x: toX(id * step), y: TOP + HIST - height, width: Math.max(0.5, wide() * step - 0.5), height });
  });
  drawTicks(known ? ticks() : [], drawTick);
  drawCuts(local.cuts.map((at, id) => ({ id, at })), drawCut);
  drawLines(local.cuts.map((at, id) => ({ id, at })), (part, { id, at }) => {
    part.classList.toggle("on", id === active);
    set(part, { d: "M" + toX(at) + " " + TOP + "v" + HIST + "m0 " + AXIS + "V" + tall() });  // the axis stays readable
  });
  drawBars(local.objects.map((object, row) => Object.assign({ row }, object)), drawBar);
  reorder(find(".le-bars"), local.objects.map((object) => find('.le-bar[data-bar="' + object.id + '"]')));
  drawBubble();
  drawTools(known);
}
function drawBand(part, { id, near, far }) {
  const width = (far - near) * wide(), layer = band(id), last = local.cuts.length;
  const word = id === 0 ? " nearest" : id === last ? " farthest" : "";
  part.style.setProperty("--c", layer.color || "");
  set(part.children[0], { x: toX(near), width, height: tall() });
  set(part.children[1], { x: toX((near + far) / 2) });
  write(part.children[1], width > 84 ? id + 1 + word : width > 14 ? String(id + 1) : "");
}
function ticks() {                                       // round numbers about 80 px apart
  const span = local.high - local.low, title = { id: "title" };
  if (!(span > 0)) return [{ id: "0", at: 0 }, title];
  const raw = (span * 80) / wide(), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= raw);
  const out = [];
  for (let k = Math.ceil(local.low / step - 1e-9); k * step <= local.high + 1e-9 * span; k++) {
    out.push({ id: String(out.length), at: (k * step - local.low) / span, step, value: k * step });
  }
  return [...out, title];
}
function drawTick(part, tick) {
  const isTitle = tick.id === "title", x = isTitle ? names() + wide() / 2 : toX(tick.at), text = part.children[1];
  set(part.children[0], { x1: x, x2: x, visibility: isTitle ? "hidden" : "visible" });
  set(text, { x, y: TOP + HIST + (isTitle ? 29 : 13), "text-anchor": "middle" });
  const digits = tick.step ? Math.max(0, -Math.floor(Math.log10(tick.step) + 1e-9)) : local.digits;
  write(text, isTitle ? local.title : tick.step ? tick.value.toFixed(digits) : reading(0));
}
function drawCut(part, { id, at }) {
  part.classList.toggle("on", id === active);
  set(part, { transform: "translate(" + toX(at) + ",0)", "aria-valuenow": round(at), "aria-valuetext": reading(at), "aria-label": "Cut between layers " + (id + 1) + " and " + (id + 2) });
  set(part.children[1], { height: TOP + HIST + AXIS - 14 });
  write(part.children[0], reading(at) + (props.readonly ? "" : "\nDrag, or arrows, to move; Delete removes it"));
}
function drawBar(part, object) {
  const layer = bandOf(object), before = local.objects[object.row - 1], x = toX(object.near);
  part.classList.toggle("sel", object.id === selected);
  part.style.setProperty("--c", layer ? layer.color : "");
  part.style.setProperty("--ink", layer ? layer.ink : "");
  set(part, { transform: "translate(0," + rowY(object.row) + ")", "aria-pressed": object.id === selected, "aria-label": object.label + ", " + (layer ? "layer " + object.layer : "no layer") });
  write(part.children[0], object.note);
  const [, row, first, , number, name, body, median] = part.children;
  set(row, { width: Math.max(0, canvasSize().w - 2) });
  set(first, { x2: canvasSize().w, visibility: before && before.layer !== object.layer ? "visible" : "hidden" });
  write(number, layer ? String(object.layer) : "–");
  write(name, cutToWidth(object.label, names() - 42));
  set(body, { x, width: Math.max(3, (object.far - object.near) * wide()) });
  set(median, { x1: toX(object.median), x2: toX(object.median), class: object.far - object.near > 0.012 ? "median" : "median outer" });
}
function cutToWidth(text, width) {
  let most = [...text].length;
  while (most > 1 && textWidth(short(text, most), 12, 700) > width) most -= 1;
  return short(text, most);
}
function drawBubble() {                                  // the value of the cut being moved
  const at = gesture || nudging ? local.cuts[active] : undefined;
  if (at === undefined) return set(bubble, { visibility: "hidden" });
  const text = reading(at), width = textWidth(text, 12, 600) + 14;
  set(bubble, { visibility: "visible", transform: "translate(" + clamp(toX(at), width / 2 + 2, canvasSize().w - width / 2 - 2) + ",0)" });
  set(bubble.children[0], { x: -width / 2, width });
  write(bubble.children[1], text);
}
function drawTools(known) {
  const free = known && !props.readonly;
  enable("add", free && local.cuts.length < MOST);
  enable("remove", free && active !== null);
  enable("auto", free && local.own);
  const count = local.cuts.length + 1, layers = count + (count === 1 ? " layer" : " layers");
  const cuts = local.cuts.length ? ", cut at " + local.cuts.map(reading).join(", ") : "";
  const who = local.own ? " (set by a person)" : " (found by themselves)";
  const missing = local.missing ? " · " + local.missing + (local.missing === 1 ? " object" : " objects") + " without depth" : "";
  write(find(".ed-status"), known ? layers + cuts + who + missing : "");
  showHint();
}

// ---- edits -----------------------------------------------------------------------------------------------------------
function applyEdit(edit) {
  if (edit.op !== "cut") return;
  local.cuts = [...edit.cuts];
  local.own = true;
}
function publish(cuts) {
  send({ op: "cut", cuts: cuts.map(round) });
}
// Tells Python of the cuts unless they are as they were.
function publishSince(before) {
  if (String(before.map(round)) !== String(local.cuts.map(round))) publish(local.cuts);
}
function addCut(at) {
  if (props.readonly || !local.shares.length || local.cuts.length >= MOST) return;
  flushNudge();
  const near = local.cuts.every((cut) => Math.abs(cut - at) >= APART);
  if (!near || at < APART || at > 1 - APART) return say("There is a cut already");
  const cuts = [...local.cuts, at].sort((a, b) => a - b);
  active = cuts.indexOf(at);
  publish(cuts);
  say("Cut added at " + reading(at));
  draw();
  focusCut(active);
}
function addInWidest() {
  const ends = edges(), widths = ends.slice(1).map((far, i) => far - ends[i]);
  const i = widths.indexOf(Math.max(...widths));
  addCut((ends[i] + ends[i + 1]) / 2);
}
function remove() {
  if (props.readonly || active === null) return;
  flushNudge();
  const gone = active, focused = document.activeElement && document.activeElement.closest(".le-cut");
  say("Cut at " + reading(local.cuts[gone]) + " removed");
  active = local.cuts.length > 1 ? Math.min(gone, local.cuts.length - 2) : null;
  publish(local.cuts.filter((_, i) => i !== gone));
  draw();
  if (focused) focusCut(active);
}
function focusCut(i) {
  focusPart(i !== null && find('.le-cut[data-cut="' + i + '"]'));
}
function place(i, at) {                                  // a cut stays between its neighbours
  const ends = edges();
  local.cuts[i] = clamp(at, ends[i] + APART, ends[i + 2] - APART);
}
function select(id, tell) {
  if (id === selected) return;
  selected = id;
  const object = local.objects.find((one) => one.id === id);
  say(object ? object.label + " chosen" : "Nothing chosen");
  if (tell) picks.send(id, { id });
  soon(draw);
}
const toggle = (id) => select(id === selected ? null : id, true);

// ---- keyboard --------------------------------------------------------------------------------------------------------
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
function nudge(i, by) {
  if (props.readonly) return;
  const before = [...local.cuts];
  place(i, local.cuts[i] + by);
  keepNudging({ before, send: () => publishSince(before) }, 400);
}
svg.addEventListener("keydown", (ev) => {
  if (ev.ctrlKey || ev.metaKey) return void flushNudge(); // undo and redo belong to the studio
  const cut = ev.target.closest("[data-cut]"), bar = ev.target.closest("[data-bar]");
  const taken = () => { ev.preventDefault(); ev.stopPropagation(); };
  if (cut && STEPS[ev.key]) { taken(); nudge(Number(cut.dataset.cut), STEPS[ev.key] * (ev.shiftKey ? 0.05 : 0.005)); }
  else if (cut && (ev.key === "Delete" || ev.key === "Backspace")) { taken(); remove(); }
  else if (ev.key === "+" || ev.key === "=") { taken(); addInWidest(); }
  else if (bar && (ev.key === "Enter" || ev.key === " ")) { taken(); toggle(bar.dataset.bar); }
  else if (ev.key === "Escape" && cancel()) taken();
});
function cancel() {                                      // true when there was something to give up
  const before = gesture ? gesture.before : nudging ? nudging.before : null;
  giveUp();
  if (before) local.cuts = before;
  else if (selected) select(null, true);
  else return false;
  settle();
  soon(draw);
  return true;
}
svg.addEventListener("focusin", (ev) => {                // not on a group: that would make the group focusable
  const part = ev.target.closest("[data-cut]");
  if (part && !gesture) { active = Number(part.dataset.cut); soon(draw); }
});

// ---- pointer ---------------------------------------------------------------------------------------------------------
svg.addEventListener("pointerdown", (ev) => {
  if (ev.button !== 0) return;
  flushNudge();
  const cut = ev.target.closest("[data-cut]"), bar = ev.target.closest("[data-bar]");
  if (bar || !cut) focusPart(bar);
  if (!cut || props.readonly) return;
  active = Number(cut.dataset.cut);
  focusCut(active);
  capture(ev);
  gesture = { before: [...local.cuts], off: toX(local.cuts[active]) - pointerAt(ev).x };
  soon(draw);
});
svg.addEventListener("pointermove", (ev) => {
  if (!gesture) return;
  place(active, toFar(pointerAt(ev).x + gesture.off));
  soon(draw);
});
svg.addEventListener("pointerup", () => {
  const done = gesture;
  gesture = null;
  if (!done) return;
  publishSince(done.before);
  settle();
  soon(draw);
});
svg.addEventListener("pointercancel", () => {
  if (gesture) cancel();
});
svg.addEventListener("click", (ev) => {
  const bar = ev.target.closest("[data-bar]");
  if (bar) toggle(bar.dataset.bar);
});
svg.addEventListener("dblclick", (ev) => {
  const on = underPointer(ev), x = pointerAt(ev).x;
  if (on.closest("[data-cut]") || on.closest("[data-bar]") || x < names()) return;
  addCut(round(toFar(x)));
});
onCommands({
  add: addInWidest,
  remove,
  auto: () => {
    flushNudge();
    outbox.push({ op: "found", cuts: [] });
    say("Layers are found by themselves");
  },
});

// ---- Python -> page ----------------------------------------------------------------------------------------------------
function rebuilt(newDocument) {
  if (newDocument) active = null;
  draw();
}
connect({ applyEdit, draw, rebuilt, known: () => true });
watch(["readonly", "mode_hint"], () => draw());
let lastWidth = 0;
new ResizeObserver(() => {                               // its height follows from what it shows
  if (svg.clientWidth === lastWidth) return;
  lastWidth = svg.clientWidth;
  soon(draw);
}).observe(svg);
draw();

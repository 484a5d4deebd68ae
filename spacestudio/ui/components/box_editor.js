// ---- BoxEditor -------------------------------------------------------------------------------------------------------
// `truth` is the last value from Python, `local` is truth plus the edits Python has not answered yet.
const BLANK = { rev: 0, key: "", stamp: 0, width: 1, height: 1, image: null, boxes: [] };
const CORNERS = { nw: ["x0", "y0"], ne: ["x1", "y0"], sw: ["x0", "y1"], se: ["x1", "y1"] };
const PALETTE = ["#56b4e9", "#e69f00", "#33c19b", "#f0e442", "#ff9457", "#e59cc6", "#9db8ff", "#c5d86d"];
const SMALLEST = 4;                                      // screen pixels below which a drag is a click

let truth = clone(props.value || BLANK), local = clone(truth);
let selected = props.selected || null, asked = null;    // `asked`: Python chose a box that has not arrived yet
let gesture = null, draft = null, postponed = false, serial = 0, named = true, nudging = null;
const outbox = makeOutbox(() => truth.rev, refuse);
const picks = makePicks();
const listId = "be-list-" + uid;
find(".be-list").id = listId;

const boxOf = (id) => local.boxes.find((box) => box.id === id);
const coords = (box) => [box.x0, box.y0, box.x1, box.y1];
const round = (value) => Math.round(value * 10) / 10;
const area = (box) => Math.abs((box.x1 - box.x0) * (box.y1 - box.y0));

function colorOf(box) {
  if (box.color) return box.color;
  let sum = 0;
  for (const letter of box.label) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return PALETTE[sum % PALETTE.length];
}
function inkOn(color) {                                  // black or white, whichever reads better
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16) / 255).map((v) => (v <= 0.04 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#111111" : "#ffffff";
}
// Orders the corners and keeps them inside the picture.
function tame(box) {
  const [x0, x1] = [box.x0, box.x1].sort((a, b) => a - b).map((v) => round(clamp(v, 0, local.width)));
  const [y0, y1] = [box.y0, box.y1].sort((a, b) => a - b).map((v) => round(clamp(v, 0, local.height)));
  return Object.assign(box, { x0, y0, x1, y1 });
}

// ---- drawing ---------------------------------------------------------------------------------------------------------
const drawBoxes = keyed(find(".be-boxes"), (id) => {
  const part = mk("g", { class: "be-box", tabindex: 0, role: "button", "data-box": id });
  mk("title", {}, part);
  mk("rect", { class: "halo" }, part);
  mk("rect", { class: "body" }, part);
  return part;
});
const drawPills = keyed(find(".be-pills"), (id) => {
  const part = mk("g", { class: "be-pill", "data-box": id, "aria-hidden": "true" });
  mk("title", {}, part);
  mk("rect", { height: 18, rx: 5 }, part);
  mk("text", {}, part);
  return part;
});
const drawHandles = keyed(find(".be-handles"), (corner) => {
  const part = mk("g", { class: "be-handle", "data-corner": corner });
  mk("rect", { class: "reach" }, part);
  mk("rect", { class: "grip", x: -5, y: -5, width: 10, height: 10, rx: 2 }, part);
  return part;
});
const draftHalo = mk("rect", { class: "halo", visibility: "hidden" }, find(".be-draft"));
const draftLine = mk("rect", { visibility: "hidden" }, find(".be-draft"));

function frameOf(box) {                                  // the box in screen pixels
  const a = toScreen(Math.min(box.x0, box.x1), Math.min(box.y0, box.y1));
  const b = toScreen(Math.max(box.x0, box.x1), Math.max(box.y0, box.y1));
  return { x: a.x, y: a.y, width: Math.max(0, b.x - a.x), height: Math.max(0, b.y - a.y) };
}
function draw() {
  const chosen = boxOf(selected);
  drawPicture();
  svg.classList.toggle("readonly", !!props.readonly);
  svg.classList.toggle("has-selection", !!chosen);
  const parts = drawBoxes(local.boxes, drawBox);
  if (!gesture) reorder(find(".be-boxes"), [...local.boxes].sort((a, b) => area(b) - area(a)).map((box) => parts.get(box.id)));
  drawPills(named ? local.boxes : [], drawPill);
  drawHandles(chosen && !props.readonly ? Object.keys(CORNERS).map((id) => ({ id })) : [], (part, { id }) => {
    const at = toScreen(chosen[CORNERS[id][0]], chosen[CORNERS[id][1]]);
    const frame = frameOf(chosen), reach = clamp(Math.min(frame.width, frame.height) * 0.6, 10, 26);
    set(part, { transform: "translate(" + at.x + "," + at.y + ")" });
    set(part.children[0], { x: -reach / 2, y: -reach / 2, width: reach, height: reach });
  });
  for (const rect of [draftHalo, draftLine]) set(rect, draft ? Object.assign({ visibility: "visible" }, frameOf(draft)) : { visibility: "hidden" });
  drawBar(chosen);
}
function drawPicture() {
  const url = (local.image && local.image.url) || "";
  const picture = find(".be-picture");
  if (url) set(picture, { href: url });
  else picture.removeAttribute("href");
  set(picture, { x: view.x, y: view.y, width: local.width * view.k, height: local.height * view.k });
  find(".ed-empty").hidden = !!url || local.boxes.length > 0;
  const ratio = local.width > 1 ? local.width + " / " + local.height : "16 / 6";
  if (svg.style.aspectRatio !== ratio) svg.style.aspectRatio = ratio;
}
function drawBox(part, box) {
  const frame = frameOf(box);
  part.classList.toggle("sel", box.id === selected);
  part.style.setProperty("--c", colorOf(box));
  set(part, { "aria-label": box.label + (box.note ? ", " + box.note : ""), "aria-pressed": box.id === selected });
  const use = props.readonly ? "" : box.id === selected ? "\nDrag to move, Shift+drag to draw" : "\nClick to choose, drag to draw";
  write(part.children[0], box.label + (box.note ? "\n" + box.note : "") + use);
  set(part.children[1], frame);
  set(part.children[2], frame);
}
function drawPill(part, box) {
  const frame = frameOf(box), color = colorOf(box), text = short(box.label || "(no name)", 30);
  const width = textWidth(text, 12, 600) + 12;
  const above = frame.y >= 20;                           // above the box when there is room, else inside it
  const x = clamp(frame.x - 1, 1, Math.max(1, canvasSize().w - width - 1));
  part.classList.toggle("sel", box.id === selected);
  part.style.setProperty("--c", color);
  part.style.setProperty("--ink", inkOn(color));
  set(part, { transform: "translate(" + x + "," + (above ? frame.y - 20 : frame.y + 2) + ")" });
  write(part.children[0], box.note ? box.label + "\n" + box.note : box.label);
  set(part.children[1], { width });
  set(part.children[2], { x: 6, y: 9 });
  write(part.children[2], text);
}
function drawBar(chosen) {
  find(".be-tools").hidden = !!props.readonly;
  enable("rename", !!chosen);
  enable("remove", !!chosen);
  set(find("[data-cmd=names]"), { "aria-pressed": named });
  const count = local.boxes.length + (local.boxes.length === 1 ? " box" : " boxes");
  const size = chosen ? short(chosen.label, 24) + " " + Math.round(chosen.x1 - chosen.x0) + " × " + Math.round(chosen.y1 - chosen.y0) + " px · " : "";
  write(find(".ed-status"), size + count);
  showHint();
}
function listLabels() {
  const names = [...new Set([...(props.labels || []), ...local.boxes.map((box) => box.label)])].slice(0, 400);
  find(".be-list").replaceChildren(...names.map((name) => {
    const option = document.createElement("option");
    option.value = name;
    return option;
  }));
}
const fit = () => { fitView(local.width, local.height, 0, 0); draw(); };

// ---- edits -----------------------------------------------------------------------------------------------------------
function applyEdit(edit) {
  const box = boxOf(edit.id);
  const [x0, y0, x1, y1] = edit.box;
  if (edit.op === "add" && !box) local.boxes.push({ id: edit.id, label: edit.label, x0, y0, x1, y1, color: "", note: "" });
  if (!box) return;
  if (edit.op === "delete") local.boxes = local.boxes.filter((other) => other !== box);
  if (edit.op === "label") box.label = edit.label;
  if (edit.op === "move" || edit.op === "resize") Object.assign(box, { x0, y0, x1, y1 });
}
function publish(op, box, label) {
  const edit = { op, id: box.id, label: label || box.label.slice(0, 60), box: coords(box) };
  applyEdit(edit);
  outbox.push(edit);
  soon(draw);
}
function select(id, tell) {
  if (id === selected) return;
  flushNudge();
  selected = id;
  asked = null;
  const box = boxOf(id);
  if (box) say(box.label + " chosen");
  if (tell && (!id || !id.startsWith("new-"))) picks.send(id, { id });
  soon(draw);
}
function remove() {
  const box = boxOf(selected);
  if (!box || props.readonly) return;
  flushNudge();
  say(box.label + " deleted");
  publish("delete", box);
  select(null, false);
  asked = box.id;                                        // chosen again should Python refuse
  svg.focus({ preventScroll: true });
}
function rename() {
  const box = boxOf(selected);
  if (!box || props.readonly) return;
  flushNudge();
  const frame = frameOf(box);
  listLabels();
  askText({ x: frame.x, y: frame.y, below: frame.y + frame.height + 4 }, "Name of this box", box.label, listId, (text, byKey) => {
    const now = boxOf(box.id) || boxOf(selected);        // its id may have changed meanwhile
    if (now && text && text !== now.label) publish("label", now, text);
    if (byKey) focusBox(now && now.id);
  });
}
function nameDraft() {
  const frame = frameOf(draft);
  listLabels();
  askText({ x: frame.x, y: frame.y + frame.height + 4, above: frame.y - 4 }, "Name, then Enter", "", listId, (text, byKey) => {
    const box = draft;
    draft = null;
    if (box && text) {
      box.id = "new-" + ++serial;
      box.label = text;
      selected = box.id;
      publish("add", box);
      say(text + " added");
    }
    settle();
    draw();
    if (byKey) focusBox(selected);
  });
}
function focusBox(id) {
  draw();
  const part = id && find('.be-box[data-box="' + id + '"]');
  (part || svg).focus({ preventScroll: true });
}

// ---- keyboard: arrows gather into one edit, sent when the keys rest -----------------------------------------------------
function nudge(key, step, resize) {
  const box = boxOf(selected);
  if (!box || props.readonly) return;
  const dx = { ArrowLeft: -step, ArrowRight: step }[key] || 0, dy = { ArrowUp: -step, ArrowDown: step }[key] || 0;
  const op = resize ? "resize" : "move";
  if (nudging && (nudging.op !== op || nudging.id !== box.id)) flushNudge();
  if (!nudging) nudging = { op, id: box.id, timer: 0 };
  if (resize) {
    box.x1 = clamp(box.x1 + dx, Math.min(box.x0 + 1, local.width), local.width);
    box.y1 = clamp(box.y1 + dy, Math.min(box.y0 + 1, local.height), local.height);
  } else {
    shift(box, box, dx, dy);
  }
  clearTimeout(nudging.timer);
  nudging.timer = setTimeout(flushNudge, 300);
  soon(draw);
}
function flushNudge() {
  if (!nudging) return;
  const { op, id, timer } = nudging;
  clearTimeout(timer);
  nudging = null;
  const box = boxOf(id);
  if (box) publish(op, box);
  settle();
}
function shift(box, from, dx, dy) {                      // moves without leaving the picture
  const x = clamp(dx, -from.x0, local.width - from.x1), y = clamp(dy, -from.y0, local.height - from.y1);
  Object.assign(box, { x0: round(from.x0 + x), x1: round(from.x1 + x), y0: round(from.y0 + y), y1: round(from.y1 + y) });
}
svg.addEventListener("keydown", (ev) => {
  if (ev.key === " " && ev.target === svg) ev.preventDefault();
  if (ev.ctrlKey || ev.metaKey) return void flushNudge(); // undo and redo belong to the studio
  const box = boxOf(selected);
  if (ev.key.startsWith("Arrow") && box) { ev.preventDefault(); nudge(ev.key, ev.shiftKey ? 10 : 1, ev.altKey); }
  else if ((ev.key === "Delete" || ev.key === "Backspace") && box) { ev.preventDefault(); remove(); }
  else if ((ev.key === "F2" || ev.key === "Enter") && box) { ev.preventDefault(); rename(); }
  else if (ev.key === "Escape") cancel();
});
function cancel() {
  if (gesture && gesture.before) Object.assign(boxOf(gesture.id) || {}, gesture.before);
  if (!gesture) select(null, true);
  gesture = null;
  draft = null;
  settle();
  soon(draw);
}
find(".be-boxes").addEventListener("focusin", (ev) => {
  const part = ev.target.closest("[data-box]");
  if (part && !gesture) select(part.dataset.box, true);
});
svg.addEventListener("focusout", flushNudge);

// ---- pointer ---------------------------------------------------------------------------------------------------------
svg.addEventListener("mousedown", (ev) => ev.preventDefault());
svg.addEventListener("pointerdown", (ev) => {
  closePop();
  flushNudge();
  if (fingers.size > 1) return void cancelDraw();
  const at = pointerAt(ev), world = toWorld(at.x, at.y);
  const corner = ev.target.closest("[data-corner]"), part = ev.target.closest("[data-box]");
  capture(ev);
  if (ev.button === 1) gesture = { kind: "pan", x: at.x - view.x, y: at.y - view.y };
  else if (ev.button !== 0) return;
  else press(corner, part && part.dataset.box, at, world, ev.shiftKey);
  if (gesture && gesture.kind === "pan") svg.classList.add("panning");
  if (!gesture || gesture.kind !== "resize") focusPart(gesture && gesture.kind === "move" ? gesture.id : null);
});
// Only the chosen box moves when dragged; elsewhere, also on other boxes, dragging draws and a click chooses.
function press(corner, id, at, world, shiftKey) {
  const mine = selected && (corner || id === selected) && !shiftKey && !props.readonly;
  const on = id || (corner ? selected : null);
  gesture = { kind: "draw", on, at, from: world };
  if (mine) Object.assign(gesture, { kind: corner ? "resize" : "move", id: selected, before: clone(boxOf(selected)) });
  if (mine && corner) gesture.corner = CORNERS[corner.dataset.corner];
}
function focusPart(id) {
  ((id && find('.be-box[data-box="' + id + '"]')) || svg).focus({ preventScroll: true });
}
function cancelDraw() {
  if (gesture && gesture.before) Object.assign(boxOf(gesture.id) || {}, gesture.before);
  gesture = draft = null;
  soon(draw);
}
svg.addEventListener("pointermove", (ev) => {
  if (pinch(ev)) return soon(draw);
  if (!gesture) return;
  const at = pointerAt(ev), world = toWorld(at.x, at.y), box = boxOf(gesture.id);
  if (gesture.kind !== "pan" && !gesture.begun) {
    if (Math.hypot(at.x - gesture.at.x, at.y - gesture.at.y) < SMALLEST) return;
    gesture.begun = true;
  }
  if (gesture.kind === "pan") { view.x = at.x - gesture.x; view.y = at.y - gesture.y; view.fitted = false; }
  if (gesture.kind === "draw" && !props.readonly && local.width > 1) drag(world);
  if (gesture.kind === "move" && box) shift(box, gesture.before, world.x - gesture.from.x, world.y - gesture.from.y);
  if (gesture.kind === "resize" && box) {
    box[gesture.corner[0]] = round(clamp(world.x, 0, local.width));
    box[gesture.corner[1]] = round(clamp(world.y, 0, local.height));
  }
  soon(draw);
});
function drag(world) {
  draft = tame({ id: "draft", label: "", x0: gesture.from.x, y0: gesture.from.y, x1: world.x, y1: world.y });
}
svg.addEventListener("pointerup", release);
svg.addEventListener("pointercancel", cancelDraw);
function release() {
  const done = gesture;
  gesture = null;
  svg.classList.remove("panning");
  if (!done) return;
  const box = boxOf(done.id);
  if (done.kind === "draw") finishDraw(done);
  else if (box && done.before) finishChange(done, box);
  settle();
  soon(draw);
}
function finishDraw(done) {
  const big = draft && (draft.x1 - draft.x0) * view.k >= SMALLEST && (draft.y1 - draft.y0) * view.k >= SMALLEST;
  if (big) return nameDraft();
  draft = null;
  if (done.on && done.begun && !props.readonly) return;  // a drag too thin for a box
  select(boxOf(done.on) ? done.on : null, true);
  if (boxOf(done.on)) focusPart(done.on);
}
function finishChange(done, box) {
  tame(box);
  const flat = box.x1 - box.x0 < 1 || box.y1 - box.y0 < 1;
  if (flat) Object.assign(box, done.before);
  else if (String(coords(box)) !== String(coords(done.before))) publish(done.kind, box);
}
svg.addEventListener("dblclick", (ev) => {               // pointer capture hides the real target: ask the document
  const part = (document.elementFromPoint(ev.clientX, ev.clientY) || svg).closest("[data-box]");
  if (!part) return;
  select(part.dataset.box, true);
  rename();
});
svg.addEventListener("wheel", (ev) => {
  if (!ev.ctrlKey && !ev.metaKey) return;                // a plain wheel keeps scrolling the page
  ev.preventDefault();
  zoomAt(pointerAt(ev), Math.exp(-ev.deltaY * 0.002));
  soon(draw);
}, { passive: false });
onCommands({
  rename,
  remove,
  fit,
  in: () => { zoomCentre(1.25); draw(); },
  out: () => { zoomCentre(0.8); draw(); },
  names: () => { named = !named; draw(); },
});

// ---- Python -> page ----------------------------------------------------------------------------------------------------
const busy = () => gesture !== null || nudging !== null;
function settle() {                                      // takes a value that came while the person was busy
  if (!postponed || busy()) return;
  postponed = false;
  adopt();
}
function adopt() {
  const value = props.value || BLANK;
  if (isLate(value, truth)) return;
  if (busy()) { postponed = true; return; }
  const edit = answersEdit(value, truth) ? outbox.answered() : null;
  const newDocument = value.key !== truth.key || value.width !== truth.width || value.height !== truth.height;
  const fresh = value.boxes.filter((box) => !truth.boxes.some((old) => old.id === box.id));
  truth = clone(value);
  if (edit && edit.op === "add") learnId(edit, fresh);
  rebuild();
  if (newDocument || view.fitted) fit();
  outbox.pump();
}
// Python gives a drawn box its real id: the new box lying where it was drawn.
function learnId(edit, fresh) {
  const away = (box) => coords(box).reduce((sum, v, i) => sum + Math.abs(v - edit.box[i]), 0);
  const real = fresh.sort((a, b) => away(a) - away(b))[0];
  if (!real || real.id === edit.id) return;
  outbox.rename(edit.id, real.id, ["id"]);
  if (selected !== edit.id) return;
  selected = real.id;
  if (document.activeElement === find('[data-box="' + edit.id + '"]')) queueMicrotask(() => focusBox(real.id));
}
function rebuild() {
  local = clone(truth);
  outbox.unanswered().forEach(applyEdit);
  if (asked && boxOf(asked)) selected = asked;
  if (boxOf(asked)) asked = null;
  if (selected && !boxOf(selected)) selected = null;
  draw();
}
function refuse() {                                      // no answer came: show what Python still holds
  if (busy()) { postponed = true; return; }
  rebuild();
}
watch("value", adopt);
watch("selected", () => {
  const id = props.selected || null;
  if (picks.outdated(id) || id === selected) return;
  flushNudge();
  asked = id && !boxOf(id) ? id : null;                  // its value may come a moment later
  if (!asked) selected = id;
  draw();
});
watch(["labels", "readonly", "mode_hint"], () => draw());
new ResizeObserver(() => (view.fitted ? fit() : soon(draw))).observe(svg);
fit();
draw();

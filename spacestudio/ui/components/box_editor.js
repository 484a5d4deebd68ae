// ---- BoxEditor -------------------------------------------------------------------------------------------------------
begin({ rev: 0, key: "", stamp: 0, width: 1, height: 1, image: null, boxes: [] });
const CORNERS = { nw: ["x0", "y0"], ne: ["x1", "y0"], sw: ["x0", "y1"], se: ["x1", "y1"] };
const PALETTE = ["#56b4e9", "#e69f00", "#33c19b", "#f0e442", "#ff9457", "#e59cc6", "#9db8ff", "#c5d86d"];
const SMALLEST = 4;                                      // screen pixels below which a drag is a click

let draft = null, serial = 0, named = true;
const TOOLS = { v: "select", b: "brush", e: "erase", g: "grow", c: "cut" };
const HINTS = {
  brush: "Brush: drag over the picture to paint the mask of ", erase: "Erase: drag over the picture to take away from the mask of ",
  grow: "Grow: click a place to add what looks alike there, at the same depth, to ", cut: "Cut: click a place to take what looks alike there away from ",
};
const MOST_POINTS = 1500, MOST_NAMES = 40;
let tool = "select", masked = true, brush = 24, pointer = null, spaceHeld = false;
const paints = () => (tool === "brush" || tool === "erase") && !props.readonly;
const clicks = () => (tool === "grow" || tool === "cut") && !props.readonly;

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
const drawShapes = keyed(find(".be-shapes"), (id) => {
  const part = mk("g", { class: "be-shape", "data-mask": id });
  mk("path", { class: "halo" }, part);
  mk("path", { class: "tint" }, part);
  return part;
});
const drawStrokes = keyed(find(".be-strokes"), () => mk("polyline", { class: "be-stroke" }));
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
  svg.classList.toggle("masked", !!props.masks && masked);
  svg.dataset.tool = tool;
  drawShapes(props.masks && masked ? local.boxes.filter((box) => box.mask) : [], drawShape);
  drawStrokes(strokesUnderWay(), drawStroke);
  drawCursor();
  const parts = drawBoxes(local.boxes, drawBox);
  if (!gesture) reorder(find(".be-boxes"), [...local.boxes].sort((a, b) => area(b) - area(a)).map((box) => parts.get(box.id)));
  const pills = drawPills(named ? local.boxes : [], drawPill);
  if (!gesture && named) reorder(find(".be-pills"), local.boxes.map((box) => pills.get(box.id)).sort((a, b) => a.classList.contains("sel") - b.classList.contains("sel")));
  drawHandles(chosen && !props.readonly && tool === "select" ? Object.keys(CORNERS).map((id) => ({ id })) : [], (part, { id }) => {
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
// A mask goes along with its box until Python has made the new one; one painted by hand stays.
function drawShape(part, box) {
  const home = truth.boxes.find((old) => old.id === box.id) || box, same = (a, b) => Math.abs(a - b) < 0.3;
  const moved = !box.painted && same(box.x1 - box.x0, home.x1 - home.x0) && same(box.y1 - box.y0, home.y1 - home.y0);
  const at = toScreen(moved ? box.x0 - home.x0 : 0, moved ? box.y0 - home.y0 : 0);
  part.classList.toggle("sel", box.id === selected);
  part.style.setProperty("--c", colorOf(box));
  for (const path of part.children) set(path, { d: box.mask, transform: "translate(" + at.x + "," + at.y + ") scale(" + view.k + ")" });
}
function strokesUnderWay() {
  const sent = outbox.unanswered().filter((edit) => edit.op === "paint").map((edit, i) => ({ id: "sent-" + i, of: edit.id, add: edit.add, stroke: edit.strokes[0] }));
  return gesture && gesture.kind === "paint" ? [...sent, { id: "now", of: gesture.id, add: gesture.add, stroke: gesture.stroke }] : sent;
}
function drawStroke(part, { of, add, stroke }) {
  const box = boxOf(of), at = stroke.points.map(([x, y]) => toScreen(x, y));
  part.classList.toggle("away", !add);
  if (box) part.style.setProperty("--c", colorOf(box));
  const points = at.map((p) => p.x.toFixed(1) + "," + p.y.toFixed(1));
  set(part, { points: (points.length > 1 ? points : [points[0], points[0]]).join(" "), "stroke-width": 2 * stroke.radius * view.k });
}
function drawCursor() {
  const shown = paints() && pointer && !(gesture && gesture.kind === "pan");
  set(find(".be-cursor"), { visibility: shown ? "visible" : "hidden" });
  if (!shown) return;
  for (const ring of find(".be-cursor").children) set(ring, { cx: pointer.x, cy: pointer.y, r: Math.max(1, brush * view.k / 2) });
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
  for (const part of element.querySelectorAll(".be-paint")) part.hidden = !props.masks || !!props.readonly;
  find(".be-masked").hidden = !props.masks;
  set(find(".be-masked"), { "aria-pressed": masked });
  for (const button of element.querySelectorAll("[data-tool]")) if (button !== svg) set(button, { "aria-pressed": button.dataset.tool === tool });
  find(".be-size input").disabled = !paints();
  set(find(".be-size input"), { max: mostBrush() });
  if (find(".be-size input").value !== String(brush)) find(".be-size input").value = brush;
  write(find(".be-size output"), brush + " px");
  if (tool !== "select") write(find(".ed-hint"), chosen ? HINTS[tool] + chosen.label + ". Esc ends." : "Choose an object first: click its name or its box.");
}
// ---- tools -----------------------------------------------------------------------------------------------------------
function useTool(name) {
  if (!props.masks || props.readonly) return;
  cancelDraw();
  tool = name;
  if (name !== "select") masked = true;
  say(name === "select" ? "Select" : name[0].toUpperCase() + name.slice(1) + (boxOf(selected) ? " " + boxOf(selected).label : ": choose an object first"));
  soon(draw);
}
const mostBrush = () => clamp(Math.round(Math.max(local.width, local.height) / 3), 20, 1000);
function sizeBrush(px) {
  brush = clamp(Math.round(px), 2, mostBrush());
  soon(draw);
}
function toolKey(ev) {                                   // true when the key was for the tools
  if (!props.masks || ev.ctrlKey || ev.metaKey || ev.altKey) return false;
  const key = ev.key.toLowerCase();
  if (key === "m") masked = !masked;
  else if (props.readonly) return false;
  else if (TOOLS[key]) useTool(TOOLS[key]);
  else if (key === "[") sizeBrush(Math.min(brush - 1, brush / 1.25));
  else if (key === "]") sizeBrush(Math.max(brush + 1, brush * 1.25));
  else if (key === "escape" && tool !== "select" && !gesture) useTool("select");
  else return false;
  ev.preventDefault();
  soon(draw);
  return true;
}
find(".ed-bar").addEventListener("keydown", toolKey);
find(".be-size input").addEventListener("input", (ev) => sizeBrush(Number(ev.target.value)));
// Points closer than a quarter of the brush add nothing; a stroke that never ends is thinned.
function extend(stroke, world) {
  const [x, y] = stroke.points[stroke.points.length - 1];
  if (Math.hypot(world.x - x, world.y - y) < Math.max(0.5, stroke.radius / 4)) return;
  stroke.points.push([round(clamp(world.x, -1e4, 1e5)), round(clamp(world.y, -1e4, 1e5))]);
  if (stroke.points.length > MOST_POINTS) stroke.points = stroke.points.filter((_, i) => i % 2 === 0);
}
function pressTool(id, pill, at, world) {                // a click on a name, or with nothing chosen, chooses
  if (pill || !boxOf(selected)) {
    gesture = { kind: "choose", on: id };
  } else if (paints()) {
    gesture = { kind: "paint", id: selected, add: tool === "brush", begun: true, stroke: { points: [[round(world.x), round(world.y)]], radius: brush / 2 } };
  } else {
    gesture = { kind: "spot", id: selected, add: tool === "grow", at, from: world };
  }
}
function finishTool(done) {
  const box = boxOf(done.id) || boxOf(selected);
  if (done.kind === "choose") return void (boxOf(done.on) && select(done.on, true));
  if (!box) return;
  if (done.kind === "paint") return publish("paint", box, "", { strokes: [done.stroke], add: done.add });
  const { x, y } = done.from;
  if (done.begun || x < 0 || y < 0 || x >= local.width || y >= local.height) return;
  publish("grow", box, "", { point: [round(Math.min(x, local.width - 0.1)), round(Math.min(y, local.height - 0.1))], add: done.add });
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
function publish(op, box, label, more) {
  const edit = Object.assign({ op, id: box.id, label: label || box.label.slice(0, 60), box: coords(box) }, more);
  send(edit);
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
  focusPart(null);
}
function rename() {
  const box = boxOf(selected);
  if (!box || props.readonly) return;
  flushNudge();
  const frame = frameOf(box);
  askName({ x: frame.x, y: frame.y, below: frame.y + frame.height + 4 }, "Name of this box", box.label, (text, byKey) => {
    const now = boxOf(box.id) || boxOf(selected);        // its id may have changed meanwhile
    if (now && text && text !== now.label) publish("label", now, text);
    if (byKey) focusBox(now && now.id);
  });
}
function nameDraft() {
  const frame = frameOf(draft);
  askName({ x: frame.x, y: frame.y + frame.height + 4, above: frame.y - 4 }, "Name, then Enter", "", (text, byKey) => {
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
// ---- names: a field with a list to search, any other name may be typed ------------------------------------------------
const norm = (text) => tidy(text).toLowerCase();
function namesFor(text) {                                // names used here first; then where the words begin so, then anywhere
  const wanted = norm(text), used = local.boxes.map((box) => box.label).filter(Boolean);
  const all = [...new Set([...used, ...(props.labels || [])])];
  const rank = (name) => {
    const at = norm(name).indexOf(wanted);
    return at === 0 ? 0 : at > 0 && norm(name)[at - 1] === " " ? 1 : at > 0 ? 2 : 3;
  };
  return [0, 1, 2].flatMap((place) => all.filter((name) => rank(name) === place)).slice(0, MOST_NAMES);
}
function askName(point, title, text, done) {
  askTexts(point, [[title, text, 60]], (texts, byKey) => done(texts ? tidy(texts[0]) : "", byKey));
  const input = pop.querySelector("input"), list = document.createElement("ul");
  let at = -1;
  list.className = "be-names";
  list.id = "be-names-" + uid;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Known names");
  const mark = () => {
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", i === at));
    if (at < 0) return void input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  };
  const refill = (typed) => {
    at = -1;
    list.replaceChildren(...namesFor(typed).map((name, i) => {
      const option = document.createElement("li");
      option.id = list.id + "-" + i;
      option.setAttribute("role", "option");
      option.textContent = name;
      return option;
    }));
    list.hidden = !list.children.length;
    mark();
  };
  const take = (option) => {
    input.value = option.textContent;
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  };
  for (const [name, value] of [["role", "combobox"], ["aria-expanded", "true"], ["aria-controls", list.id], ["aria-autocomplete", "list"]]) input.setAttribute(name, value);
  input.addEventListener("input", () => refill(input.value));
  input.addEventListener("keydown", (ev) => {            // before the field's own, which takes what stands in it
    const step = { ArrowDown: 1, ArrowUp: -1 }[ev.key];
    if (ev.key === "Enter" && at >= 0) input.value = list.children[at].textContent;
    if (!step || !list.children.length) return;
    ev.preventDefault();
    at = (at + step + list.children.length + (at < 0 && step < 0 ? 1 : 0)) % list.children.length;
    mark();
  }, true);
  list.addEventListener("pointerdown", (ev) => ev.preventDefault());  // the field keeps the focus
  list.addEventListener("mousedown", (ev) => ev.preventDefault());
  list.addEventListener("click", (ev) => { const option = ev.target.closest("li"); if (option) take(option); });
  refill("");
  const room = find(".ed-stage").clientHeight - input.offsetHeight - 40;
  list.style.maxHeight = clamp(room, 56, 176) + "px";
  pop.appendChild(list);
  placePop(point);
  list.scrollTop = 0;
}

function focusBox(id) {
  draw();
  focusPart(boxPart(id));
}
const boxPart = (id) => id && find('.be-box[data-box="' + id + '"]');

// ---- keyboard --------------------------------------------------------------------------------------------------------
function nudge(key, step, resize) {
  const box = boxOf(selected);
  if (!box || props.readonly) return;
  const dx = { ArrowLeft: -step, ArrowRight: step }[key] || 0, dy = { ArrowUp: -step, ArrowDown: step }[key] || 0;
  const op = resize ? "resize" : "move";
  if (nudging && (nudging.op !== op || nudging.id !== box.id)) flushNudge();
  const begun = { op, id: box.id, send: () => { if (boxOf(begun.id)) publish(op, boxOf(begun.id)); } };
  if (resize) {
    box.x1 = clamp(box.x1 + dx, Math.min(box.x0 + 1, local.width), local.width);
    box.y1 = clamp(box.y1 + dy, Math.min(box.y0 + 1, local.height), local.height);
  } else {
    shift(box, box, dx, dy);
  }
  keepNudging(begun, 300);
}
function shift(box, from, dx, dy) {                      // moves without leaving the picture
  const x = clamp(dx, -from.x0, local.width - from.x1), y = clamp(dy, -from.y0, local.height - from.y1);
  Object.assign(box, { x0: round(from.x0 + x), x1: round(from.x1 + x), y0: round(from.y0 + y), y1: round(from.y1 + y) });
}
svg.addEventListener("keydown", (ev) => {
  if (ev.key === " " && ev.target === svg) ev.preventDefault();
  if (ev.ctrlKey || ev.metaKey) return void flushNudge(); // undo and redo belong to the studio
  if (ev.key === " ") { spaceHeld = true; ev.preventDefault(); }
  if (toolKey(ev)) return;
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
svg.addEventListener("keyup", (ev) => { if (ev.key === " ") spaceHeld = false; });
svg.addEventListener("focusout", () => { spaceHeld = false; });
svg.addEventListener("focusin", (ev) => {                // not on a group: that would make the group focusable
  const part = ev.target.closest("[data-box]");
  if (part && !gesture) select(part.dataset.box, true);
});

// ---- pointer ---------------------------------------------------------------------------------------------------------
svg.addEventListener("pointerdown", (ev) => {
  closePop();
  flushNudge();
  if (fingers.size > 1) return void cancelDraw();
  const at = pointerAt(ev), world = toWorld(at.x, at.y);
  const corner = ev.target.closest("[data-corner]"), part = ev.target.closest("[data-box]");
  capture(ev);
  if (ev.button === 1 || (ev.button === 0 && spaceHeld)) gesture = { kind: "pan", x: at.x - view.x, y: at.y - view.y };
  else if (ev.button !== 0) return;
  else if (tool !== "select" && !props.readonly) pressTool(part && part.dataset.box, ev.target.closest(".be-pill"), at, world);
  else press(corner, part && part.dataset.box, at, world, ev.shiftKey);
  if (gesture && gesture.kind === "pan") svg.classList.add("panning");
  if (!gesture || gesture.kind !== "resize") focusPart(gesture && gesture.kind === "move" ? boxPart(gesture.id) : null);
});
// Only the chosen box moves when dragged; elsewhere, also on other boxes, dragging draws and a click chooses.
function press(corner, id, at, world, shiftKey) {
  const mine = selected && (corner || id === selected) && !shiftKey && !props.readonly;
  const on = id || (corner ? selected : null);
  gesture = { kind: "draw", on, at, from: world };
  if (mine) Object.assign(gesture, { kind: corner ? "resize" : "move", id: selected, before: clone(boxOf(selected)) });
  if (mine && corner) gesture.corner = CORNERS[corner.dataset.corner];
}
function cancelDraw() {
  if (gesture && gesture.before) Object.assign(boxOf(gesture.id) || {}, gesture.before);
  gesture = draft = null;
  soon(draw);
}
svg.addEventListener("pointermove", (ev) => {
  if (pinch(ev)) return soon(draw);
  pointer = pointerAt(ev);
  if (!gesture) return void (paints() && soon(draw));
  const at = pointerAt(ev), world = toWorld(at.x, at.y), box = boxOf(gesture.id);
  if (gesture.kind !== "pan" && !gesture.begun) {
    if (Math.hypot(at.x - gesture.at.x, at.y - gesture.at.y) < SMALLEST) return;
    gesture.begun = true;
  }
  if (gesture.kind === "paint") for (const each of trail(ev)) extend(gesture.stroke, toWorld(each.x, each.y));
  if (gesture.kind === "pan") { view.x = at.x - gesture.x; view.y = at.y - gesture.y; view.fitted = false; }
  if (gesture.kind === "draw" && !props.readonly && local.width > 1) drag(world);
  if (gesture.kind === "move" && box) shift(box, gesture.before, world.x - gesture.from.x, world.y - gesture.from.y);
  if (gesture.kind === "resize" && box) {
    box[gesture.corner[0]] = round(clamp(world.x, 0, local.width));
    box[gesture.corner[1]] = round(clamp(world.y, 0, local.height));
  }
  soon(draw);
});
function trail(ev) {                                     // also where the pointer was between two frames
  const all = ev.getCoalescedEvents ? ev.getCoalescedEvents() : [];
  return (all.length ? all : [ev]).map(pointerAt);
}
svg.addEventListener("pointerleave", () => { pointer = null; soon(draw); });
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
  if (done.kind === "paint" || done.kind === "spot" || done.kind === "choose") finishTool(done);
  else if (done.kind === "draw") finishDraw(done);
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
  if (boxOf(done.on)) focusPart(boxPart(done.on));
}
function finishChange(done, box) {
  tame(box);
  const flat = box.x1 - box.x0 < 1 || box.y1 - box.y0 < 1;
  if (flat) Object.assign(box, done.before);
  else if (String(coords(box)) !== String(coords(done.before))) publish(done.kind, box);
}
svg.addEventListener("dblclick", (ev) => {
  const part = underPointer(ev).closest("[data-box]");
  if (!part || tool !== "select") return;
  select(part.dataset.box, true);
  rename();
});
onCommands({
  rename,
  remove,
  fit,
  ...zoomable(draw),
  tool: (button) => useTool(button.dataset.tool),
  masks: () => { masked = !masked; draw(); },
  names: () => { named = !named; draw(); },
});

// ---- Python -> page ----------------------------------------------------------------------------------------------------
// Python gives a drawn box its real id: the new box lying where it was drawn.
function learnId(edit, before) {
  if (edit.op !== "add") return;
  const away = (box) => coords(box).reduce((sum, v, i) => sum + Math.abs(v - edit.box[i]), 0);
  const real = truth.boxes.filter((box) => !before.boxes.some((old) => old.id === box.id)).sort((a, b) => away(a) - away(b))[0];
  if (!real || real.id === edit.id) return;
  outbox.rename(edit.id, real.id, ["id"]);
  if (selected !== edit.id) return;
  selected = real.id;
  if (document.activeElement === find('[data-box="' + edit.id + '"]')) queueMicrotask(() => focusBox(real.id));
}
function rebuilt(newDocument) {
  if (selected && !boxOf(selected)) selected = null;
  if (newDocument && pop.hidden) draft = null;
  if (newDocument) sizeBrush(Math.max(6, mostBrush() / 11));
  if (newDocument || view.fitted) fit();
  else draw();
}
connect({ applyEdit, draw, learnId, rebuilt, known: boxOf });
watch(["labels", "readonly", "mode_hint", "masks"], () => draw());
new ResizeObserver(() => (view.fitted ? fit() : soon(draw))).observe(svg);
fit();
draw();

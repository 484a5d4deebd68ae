// ---- GroundedText ----------------------------------------------------------------------------------------------------
// Nothing is edited here: what is pointed at in the text is shown in the picture, and the other way round.
begin({ rev: 0, key: "", stamp: 0, width: 1, height: 1, image: null, boxes: [], exchanges: [] });
const texts = find(".gt-texts");
const NONE = { subjects: [], objects: [] };
const meant = new Map();                                 // span element -> the ids it points at

let pointed = null, over = null, shown = "";             // a span, the id of a box, and which exchanges are built
const idsOf = (span) => { const { subjects, objects } = meant.get(span) || NONE; return [...subjects, ...objects]; };
const boxOf = (id) => local.boxes.find((box) => box.id === id);
const nameOf = (id) => (boxOf(id) || { label: id }).label;
const namesOf = (ids) => ids.map(nameOf).join(", ");

// ---- the picture -----------------------------------------------------------------------------------------------------
const drawBoxes = keyed(find(".gt-boxes"), (id) => {
  const part = mk("g", { class: "gt-box", tabindex: 0, role: "button", "data-box": id });
  mk("title", {}, part);
  mk("rect", { class: "halo" }, part);
  mk("rect", { class: "body" }, part);
  return part;
});
const drawPills = keyed(find(".gt-pills"), (id) => {
  const part = mk("g", { class: "gt-pill", "data-box": id });
  mk("rect", { height: 18, rx: 5 }, part);
  mk("text", { x: 6, y: 9.5 }, part);
  return part;
});

function draw() {
  const ratio = local.width > 1 ? local.width + " / " + local.height : "16 / 6";
  if (svg.style.aspectRatio !== ratio) svg.style.aspectRatio = ratio;
  fitView(local.width, local.height, 0, 0);
  const picture = find(".gt-picture"), url = (local.image && local.image.url) || "";
  if (url) set(picture, { href: url });
  else picture.removeAttribute("href");
  set(picture, { x: view.x, y: view.y, width: local.width * view.k, height: local.height * view.k });
  const hot = meant.get(pointed) || NONE;
  svg.classList.toggle("pointing", hot !== NONE);
  const parts = drawBoxes(local.boxes, (part, box) => drawBox(part, box, hot));
  drawPills(local.boxes, (part, box) => drawPill(part, box, hot));
  const size = (box) => (box.x1 - box.x0) * (box.y1 - box.y0);
  reorder(find(".gt-boxes"), [...local.boxes].sort((a, b) => size(b) - size(a)).map((box) => parts.get(box.id)));
  for (const [span] of meant) {
    const ids = idsOf(span);
    span.classList.toggle("on", over !== null && ids.includes(over));
    span.classList.toggle("sel", selected !== null && ids.includes(selected));
    set(span, { "aria-pressed": selected !== null && ids.includes(selected) });
  }
  texts.classList.toggle("raw", !!props.raw);
}
function mark(part, box, hot) {
  part.classList.toggle("sel", box.id === selected);
  part.classList.toggle("subject", hot.subjects.includes(box.id));
  part.classList.toggle("object", hot.objects.includes(box.id) && !hot.subjects.includes(box.id));
  part.style.setProperty("--c", box.color);
}
function drawBox(part, box, hot) {
  const a = toScreen(box.x0, box.y0), b = toScreen(box.x1, box.y1);
  const frame = { x: a.x, y: a.y, width: Math.max(0, b.x - a.x), height: Math.max(0, b.y - a.y) };
  mark(part, box, hot);
  set(part, { "aria-label": box.label, "aria-pressed": box.id === selected });
  write(part.children[0], box.label);
  set(part.children[1], frame);
  set(part.children[2], frame);
}
function drawPill(part, box, hot) {
  const { w } = canvasSize(), at = toScreen(box.x0, box.y0), text = short(box.label, 24), width = textWidth(text, 12, 600) + 12;
  mark(part, box, hot);
  part.style.setProperty("--ink", box.ink);
  set(part, { transform: "translate(" + clamp(at.x, 0, Math.max(0, w - width)) + "," + Math.max(0, at.y - 18) + ")" });
  set(part.children[0], { width });
  write(part.children[1], text);
}

// ---- the text --------------------------------------------------------------------------------------------------------
function node(tag, name, text, parent) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}
function build() {
  meant.clear();
  pointed = over = null;
  const list = node("ol", "gt-list");
  for (const one of local.exchanges) {
    const part = node("li", "", "", list);
    tell(part, "Question", one.question);
    tell(part, one.model ? "Answer, in a model's words" : "Answer", one.answer);
    if (one.facts.length) {
      const facts = node("details", "gt-facts", "", part);
      node("summary", "", "What it rests on", facts);
      const lines = node("ul", "", "", facts);
      for (const line of one.facts) node("li", "", line, lines);
    }
  }
  texts.replaceChildren(list);
  rove(stops()[0]);
}
function tell(part, who, passage) {
  if (!passage.spans.length) return;
  const line = node("div", "gt-line", "", part), words = (node("span", "gt-who", who, line), node("div", "gt-said", "", line));
  for (const span of passage.spans) words.append(span.kind ? button(span) : document.createTextNode(span.text));
  node("pre", "gt-raw", passage.raw, part);
}
function button(span) {
  const made = node("span", "gt-span gt-" + span.kind, span.text), [subjects, objects] = [namesOf(span.subjects), namesOf(span.objects)];
  set(made, { role: "button", tabindex: -1, title: objects ? subjects + " " + span.text + " " + objects : subjects });
  if (objects) set(made, { "aria-label": span.text + ": " + subjects + ", " + objects });
  const box = span.kind === "name" && boxOf(span.subjects[0]);
  if (box) made.style.setProperty("--c", box.color);
  meant.set(made, { subjects: span.subjects, objects: span.objects });
  return made;
}

// ---- pointing and choosing -------------------------------------------------------------------------------------------
const spanOf = (target) => target.closest(".gt-span"), stops = () => [...meant.keys()];
const boxAt = (target) => { const part = target.closest("[data-box]"); return part ? part.dataset.box : null; };
function rove(to) {                                      // one stop of the Tab key for all names
  for (const span of meant.keys()) set(span, { tabindex: span === to ? 0 : -1 });
}
function point(span) {
  if (span === pointed) return;
  pointed = span;
  soon(draw);
}
function hover(id) {
  if (id === over) return;
  over = id;
  soon(draw);
}
function choose(id) {
  selected = id === selected ? null : id;
  say(selected ? nameOf(id) + " chosen" : "Nothing chosen");
  picks.send(selected, { id: selected });
  soon(draw);
}
function chooseBy(span) {                                // of several objects the next one
  const ids = [...new Set(idsOf(span))], at = ids.indexOf(selected);
  if (ids.length) choose(ids[(at + 1) % ids.length]);
}
function go(span, step) {
  const every = stops(), to = every[clamp(every.indexOf(span) + step, 0, every.length - 1)];
  rove(to);
  to.focus();
}
texts.addEventListener("pointerover", (ev) => point(spanOf(ev.target)));
texts.addEventListener("pointerleave", () => point(spanOf(document.activeElement)));
texts.addEventListener("focusin", (ev) => { const span = spanOf(ev.target); if (span) { rove(span); point(span); } });
texts.addEventListener("focusout", () => point(null));
texts.addEventListener("click", (ev) => { const span = spanOf(ev.target); if (span) chooseBy(span); });
const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 };
texts.addEventListener("keydown", (ev) => {
  const span = spanOf(ev.target);
  if (!span || ev.ctrlKey || ev.metaKey || ev.altKey) return;
  if (STEPS[ev.key]) go(span, STEPS[ev.key]);
  else if (ev.key === "Enter" || ev.key === " ") chooseBy(span);
  else return;
  ev.preventDefault();
  ev.stopPropagation();
});
svg.addEventListener("pointerover", (ev) => hover(boxAt(ev.target)));
svg.addEventListener("pointerleave", () => hover(null));
svg.addEventListener("focusin", (ev) => hover(boxAt(ev.target)));
svg.addEventListener("focusout", () => hover(null));
svg.addEventListener("click", (ev) => { const id = boxAt(ev.target); if (id) choose(id); });
svg.addEventListener("keydown", (ev) => {
  const id = boxAt(ev.target);
  if (!id || (ev.key !== "Enter" && ev.key !== " ")) return;
  ev.preventDefault();
  ev.stopPropagation();
  choose(id);
});

// ---- Python -> page ----------------------------------------------------------------------------------------------------
function rebuilt() {                                     // the same text keeps its elements, and with them the focus
  const now = JSON.stringify([local.boxes, local.exchanges]);
  if (now !== shown) build();
  shown = now;
  draw();
}
connect({ applyEdit() {}, draw, rebuilt, known: () => true });
watch("raw", () => draw());
new ResizeObserver(() => soon(draw)).observe(svg);
rebuilt();

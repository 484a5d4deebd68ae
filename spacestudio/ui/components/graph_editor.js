// ---- GraphEditor -----------------------------------------------------------------------------------------------------
// `truth` is the last value from Python, `local` is truth plus the edits Python has not answered yet.
const BLANK = { rev: 0, key: "", stamp: 0, width: 4, height: 3, background: null, nodes: [], edges: [] };
const SIGN = { "true": "✓", "false": "✗", undecided: "?" };
const MARK = { corrected: "✎", stale: "~", "in conflict": "!", wanted: "+" };
const WORDS = { correct: "Correct the graph", change: "Change the picture" };
const PILL = 28, MANY = 48, GAP = 8;

let truth = clone(props.value || BLANK), local = clone(truth);
let selected = props.selected || null, asked = null;     // a node's id or "edge:<id>"
let gesture = null, postponed = false, serial = 0, named = true, hovered = null, linking = null;
const placed = new Map();                                // node id -> {x, y: world; fromX, fromY: the object's place; own}
const outbox = makeOutbox(() => truth.rev, refuse);
const picks = makePicks();

const nodeOf = (id) => local.nodes.find((node) => node.id === id);
const edgeOf = (id) => local.edges.find((edge) => edge.id === id);
const isEdge = (key) => typeof key === "string" && key.startsWith("edge:");
const chosenNode = () => (selected && !isEdge(selected) ? nodeOf(selected) : null);
const chosenEdge = () => (isEdge(selected) ? edgeOf(selected.slice(5)) : null);
const nameOf = (id) => (nodeOf(id) || { label: "?" }).label;
const world = () => ({ w: 1000, h: (1000 * local.height) / local.width });
const sentence = (edge) => nameOf(edge.source) + " " + edge.relation + " " + nameOf(edge.target);

// ---- layout: nodes lie where the objects are, pushed apart just enough to be read -----------------------------------------
const narrow = () => canvasSize().w < 520;
const pillText = (node) => short(node.label || "(no name)", narrow() ? 14 : 22);
const pillSize = () => (narrow() ? 11.5 : 12.5);
function pillWidth(node) {
  return Math.round(textWidth(pillText(node), pillSize(), 600)) + 24 + (node.thumb ? 16 : 6);
}
function layOut(again) {
  const { w, h } = canvasSize();
  if (!w || !h) return;
  const size = world();
  const ids = new Set(local.nodes.map((node) => node.id));
  for (const id of [...placed.keys()]) if (!ids.has(id)) placed.delete(id);
  const spots = local.nodes.map((node) => spotOf(node, size, again));
  spread(spots, w, h);
  for (const spot of spots) if (!spot.fixed) {
    const at = toWorld(spot.x, spot.y);
    placed.set(spot.id, { x: at.x, y: at.y, fromX: spot.node.x, fromY: spot.node.y, own: false });
  }
}
// A node keeps its place until its object moves (or everything is laid out again); one the person dragged keeps it for good.
function spotOf(node, size, again) {
  const old = placed.get(node.id);
  const same = old && (old.own || (!again && old.fromX === node.x && old.fromY === node.y));
  const at = same ? toScreen(old.x, old.y) : toScreen(node.x * size.w, node.y * size.h);
  if (!same && narrow()) at.y = stretched(at.y, size);
  return { id: node.id, node, x: at.x, y: at.y, half: pillWidth(node) / 2 + GAP, fixed: !!same };
}
// On a phone the picture is a thin band: use the height of the canvas too, a dotted line leads back to the object.
function stretched(y, size) {
  const { h } = canvasSize(), band = size.h * view.k;
  return h / 2 + (y - h / 2) * clamp((h - 3 * PILL) / band, 1, 2.2);
}
function spread(spots, w, h) {
  const inside = (spot) => {
    if (spot.fixed || !view.fitted) return;
    spot.x = clamp(spot.x, Math.min(spot.half, w / 2), Math.max(w - spot.half - 8, w / 2));
    spot.y = clamp(spot.y, PILL / 2 + 4, h - PILL / 2 - 4);
  };
  spots.forEach(inside);
  for (let turn = 0; turn < 120; turn++) {
    let moved = false;
    for (let i = 0; i < spots.length; i++) for (let j = i + 1; j < spots.length; j++) moved = apart(spots[i], spots[j], i - j) || moved;
    if (!moved) return;
    spots.forEach(inside);
  }
}
function apart(a, b, tie) {                              // moves two overlapping pills along the shorter way out
  const overX = a.half + b.half - Math.abs(a.x - b.x), overY = PILL + 3 * GAP - Math.abs(a.y - b.y);
  if (overX <= 0 || overY <= 0 || (a.fixed && b.fixed)) return false;
  const share = a.fixed ? 0 : b.fixed ? 1 : 0.5;
  const axis = overY <= overX ? "y" : "x", over = Math.min(overX, overY) + 0.5;
  const sign = Math.sign(a[axis] - b[axis]) || Math.sign(tie);
  a[axis] += sign * over * share;
  b[axis] -= sign * over * (1 - share);
  return true;
}
function centre(id) {
  const place = placed.get(id);
  return place ? toScreen(place.x, place.y) : { x: -999, y: -999 };
}

// ---- edges: curves from pill border to pill border ------------------------------------------------------------------------
function bends() {                                       // edges of one pair fan out
  const pairs = new Map(), result = new Map();
  for (const edge of local.edges) {
    const key = [edge.source, edge.target].sort().join(" ");
    if (!pairs.has(key)) pairs.set(key, []);
    pairs.get(key).push(edge);
  }
  for (const edges of pairs.values()) edges.forEach((edge, i) => {
    const side = edge.source < edge.target ? 1 : -1;
    result.set(edge.id, side * (i - (edges.length - 1) / 2) * Math.min(46, 200 / edges.length) + (edges.length === 1 ? 14 : 0));
  });
  return result;
}
const along = (p, c, q, t) => ({ x: (1 - t) * (1 - t) * p.x + 2 * t * (1 - t) * c.x + t * t * q.x, y: (1 - t) * (1 - t) * p.y + 2 * t * (1 - t) * c.y + t * t * q.y });
function inPill(point, at, half, margin) {
  const straight = Math.max(0, half - PILL / 2);
  const dx = Math.max(0, Math.abs(point.x - at.x) - straight);
  return Math.hypot(dx, point.y - at.y) < PILL / 2 + margin;
}
function border(p, c, q, at, half, margin, from, to) {   // the place on the curve where it crosses the pill's border
  for (let i = 0; i < 14; i++) {
    const t = (from + to) / 2;
    if (inPill(along(p, c, q, t), at, half, margin)) from = t; else to = t;
  }
  return to;
}
const known = new Map();                                 // edge id -> its last curve: while one node is dragged, most stay
function curveOf(edge, bend) {
  const p = centre(edge.source), q = centre(edge.target);
  const halves = [edge.source, edge.target].map((id) => pillWidth(nodeOf(id)) / 2);
  const inputs = [p.x, p.y, q.x, q.y, bend, ...halves].join(" ");
  const old = known.get(edge.id);
  if (old && old.inputs === inputs) return old;
  const curve = Object.assign(bow(p, q, bend, halves), { inputs });
  if (known.size > 2000) known.clear();
  known.set(edge.id, curve);
  return curve;
}
function bow(p, q, bend, halves) {
  const d = Math.hypot(q.x - p.x, q.y - p.y) || 1;
  const c = { x: (p.x + q.x) / 2 - ((q.y - p.y) / d) * bend * 2, y: (p.y + q.y) / 2 + ((q.x - p.x) / d) * bend * 2 };
  const t0 = border(p, c, q, p, halves[0], 2, 0, 0.5);
  const t1 = border(p, c, q, q, halves[1], 4, 1, 0.5);
  const a = along(p, c, q, t0), b = along(p, c, q, t1);
  const mix = (u, v, t) => ({ x: u.x + (v.x - u.x) * t, y: u.y + (v.y - u.y) * t });
  const s = t0 < 1 ? (t1 - t0) / (1 - t0) : 0;           // control point of the part between the borders
  const control = mix(a, mix(c, q, t0), s);
  const f = (v) => v.toFixed(1);
  return { d: "M" + f(a.x) + " " + f(a.y) + "Q" + f(control.x) + " " + f(control.y) + " " + f(b.x) + " " + f(b.y), at: (t) => along(a, control, b, t) };
}

// ---- drawing ---------------------------------------------------------------------------------------------------------------
for (const verdict of Object.keys(SIGN)) {
  const marker = mk("marker", { id: "ge-" + verdict + "-" + uid, class: "v-" + verdict, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, svg.querySelector("defs"));
  mk("path", { d: "M0 0.8L10 5L0 9.2Z" }, marker);
}
const drawEdges = keyed(find(".ge-edges"), (id) => {
  const part = mk("g", { tabindex: 0, role: "button", "data-edge": id });
  mk("title", {}, part);
  for (const name of ["hit", "halo", "line"]) mk("path", { class: name }, part);
  return part;
});
const drawTags = keyed(find(".ge-tags"), (id) => {
  const part = mk("g", { "data-edge": id, "aria-hidden": "true" });
  mk("title", {}, part);
  mk("rect", { height: 17, rx: 4, y: -8.5 }, part);
  mk("text", { "text-anchor": "middle" }, part);
  return part;
});
const drawNodes = keyed(find(".ge-nodes"), (id) => {
  const part = mk("g", { tabindex: 0, role: "button", "data-node": id });
  mk("title", {}, part);
  mk("rect", { class: "ring", height: PILL + 8, y: -PILL / 2 - 4, rx: PILL / 2 + 4 }, part);
  mk("rect", { class: "body", height: PILL, y: -PILL / 2, rx: PILL / 2 }, part);
  mk("circle", { class: "dot", r: 4 }, part);
  mk("image", { width: 22, height: 22, y: -11, preserveAspectRatio: "xMidYMid slice", "clip-path": "circle(11px)" }, part);
  mk("text", {}, part);
  const handle = mk("g", { class: "handle", "data-handle": id }, part);
  mk("circle", { class: "reach", r: 15 }, handle);
  mk("circle", { class: "grip", r: 8 }, handle);
  mk("path", { d: "M-4 0H4M1 -3L4 0L1 3" }, handle);
  return part;
});
const drawAnchors = keyed(find(".ge-anchors"), () => {
  const part = mk("g", {});
  mk("line", {}, part);
  mk("circle", { r: 3 }, part);
  return part;
});

function draw() {
  const near = neighbours();
  svg.classList.toggle("focus", !!near);
  svg.classList.toggle("crowd", local.edges.length > MANY);                          // cheaper to paint, calmer to look at
  svg.classList.toggle("readonly", !!props.readonly);
  svg.classList.toggle("linking", !!linking);
  element.dataset.mode = props.mode === "change" ? "change" : "correct";
  svg.style.setProperty("--pill-text", pillSize() + "px");
  drawPicture();
  drawAnchors(local.nodes.filter(isAway), drawAnchor);
  const bend = bends(), curves = new Map();
  const sure = local.edges.filter((edge) => placed.has(edge.source) && placed.has(edge.target));
  drawEdges(sure, (part, edge) => {
    const curve = curveOf(edge, bend.get(edge.id));
    curves.set(edge.id, curve);
    drawEdge(part, edge, curve, near);
  });
  drawNodes(local.nodes.filter((node) => placed.has(node.id)), (part, node) => drawNode(part, node, near));
  const spots = tagSpots(sure, curves, near);
  drawTags(sure.filter((edge) => spots.has(edge.id)), (part, edge) => drawTag(part, edge, spots.get(edge.id), near));
  drawBar();
}
// What belongs to the chosen or hovered thing; null when nothing is in focus.
function neighbours() {
  const key = hovered && local.edges.length > 12 ? hovered : selected;
  const near = new Set();
  if (!key) return null;
  if (isEdge(key)) {
    const edge = edgeOf(key.slice(5));
    return edge ? near.add(key).add(edge.source).add(edge.target) : null;
  }
  if (!nodeOf(key)) return null;
  near.add(key);
  for (const edge of local.edges) if (edge.source === key || edge.target === key) near.add("edge:" + edge.id).add(edge.source).add(edge.target);
  return near;
}
function drawPicture() {
  const picture = find(".ge-picture"), url = (local.background && local.background.url) || "", size = world();
  if (url) set(picture, { href: url });
  else picture.removeAttribute("href");
  set(picture, { x: view.x, y: view.y, width: size.w * view.k, height: size.h * view.k });
  find(".ed-empty").hidden = local.nodes.length > 0;
}
function classes(kind, edge, near) {
  const key = "edge:" + edge.id;
  return kind + " v-" + edge.verdict + " s-" + edge.state.split(" ").pop() + (key === selected ? " sel" : "") + (near && near.has(key) ? " near" : "");
}
function drawEdge(part, edge, curve, near) {
  const look = classes("ge-edge", edge, near) + curve.d + tooltip(edge);
  if (part.look === look) return;
  part.look = look;
  set(part, { class: classes("ge-edge", edge, near), "aria-pressed": "edge:" + edge.id === selected });
  set(part, { "aria-label": sentence(edge) + ", " + edge.verdict + ", " + edge.state + (edge.note ? ", " + edge.note : "") });
  write(part.children[0], tooltip(edge));
  for (const i of [1, 2, 3]) set(part.children[i], { d: curve.d });
  set(part.children[3], { "marker-end": "url(#ge-" + edge.verdict + "-" + uid + ")" });
}
function tooltip(edge) {
  return sentence(edge) + "\n" + [edge.verdict, edge.state, edge.family].filter(Boolean).join(" · ") + (edge.note ? "\n" + edge.note : "");
}
const tagText = (edge) => SIGN[edge.verdict] + " " + short(edge.relation, 26) + (MARK[edge.state] ? " " + MARK[edge.state] : "");
function drawTag(part, edge, spot, near) {
  set(part, { class: classes("ge-tag", edge, near), transform: "translate(" + spot.x.toFixed(1) + "," + spot.y.toFixed(1) + ")" });
  write(part.children[0], tooltip(edge));
  set(part.children[1], { x: -spot.w / 2, width: spot.w });
  write(part.children[2], tagText(edge));
}
// Each name goes to the first place on its curve that is still free. In a crowd only the names in focus are shown.
function tagSpots(edges, curves, near) {
  const taken = local.nodes.map((node) => {
    const at = centre(node.id), half = pillWidth(node) / 2;
    return { x0: at.x - half, x1: at.x + half, y0: at.y - PILL / 2, y1: at.y + PILL / 2 };
  });
  const rank = (edge) => ("edge:" + edge.id === selected ? 0 : near && near.has("edge:" + edge.id) ? 1 : 2);
  const crowd = edges.length > MANY;
  const shown = edges.filter((edge) => (named && !crowd) || rank(edge) < 2);
  const spots = new Map();
  for (const edge of shown.sort((a, b) => rank(a) - rank(b))) {
    const w = Math.ceil(textWidth(tagText(edge), 11, 700)) + 10;
    const spot = freeSpot(curves.get(edge.id), w, taken);
    if (!spot && rank(edge) > 0) continue;               // hover or choose it to see its name
    const at = spot || curves.get(edge.id).at(0.5);
    spots.set(edge.id, { x: at.x, y: at.y, w });
    taken.push({ x0: at.x - w / 2, x1: at.x + w / 2, y0: at.y - 9, y1: at.y + 9 });
  }
  return spots;
}
function freeSpot(curve, w, taken) {
  for (const t of [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82]) {
    const at = curve.at(t);
    const free = taken.every((r) => at.x + w / 2 < r.x0 || at.x - w / 2 > r.x1 || at.y + 9 < r.y0 || at.y - 9 > r.y1);
    if (free) return at;
  }
  return null;
}
function drawNode(part, node, near) {
  const at = centre(node.id), width = pillWidth(node), left = -width / 2;
  const goal = gesture && gesture.kind === "link" && gesture.goal === node.id;
  set(part, { class: "ge-node" + (node.id === selected ? " sel" : "") + (near && near.has(node.id) ? " near" : "") + (goal ? " goal" : "") });
  set(part, { transform: "translate(" + at.x.toFixed(1) + "," + at.y.toFixed(1) + ")", "aria-label": node.label, "aria-pressed": node.id === selected });
  if (node.color) part.style.setProperty("--c", node.color);
  else part.style.removeProperty("--c");
  const [title, ring, body, dot, image, text, handle] = part.children;
  write(title, node.label);
  set(ring, { x: left - 4, width: width + 8 });
  set(body, { x: left, width });
  set(dot, { cx: left + 14, visibility: node.thumb ? "hidden" : "visible" });
  set(image, { x: left + 3, visibility: node.thumb ? "visible" : "hidden" });
  if (node.thumb) set(image, { href: node.thumb });
  set(text, { x: left + (node.thumb ? 30 : 23) });
  write(text, pillText(node));
  set(handle, { transform: "translate(" + (width / 2 + 3) + ",0)" });
}
function isAway(node) {                                  // the pill was pushed or dragged off its object
  if (!placed.has(node.id)) return false;
  const size = world(), at = centre(node.id), home = toScreen(node.x * size.w, node.y * size.h);
  return !inPill(home, at, pillWidth(node) / 2, 4);
}
function drawAnchor(part, node) {
  const size = world(), at = centre(node.id), home = toScreen(node.x * size.w, node.y * size.h);
  set(part.children[0], { x1: home.x, y1: home.y, x2: at.x, y2: at.y });
  set(part.children[1], { cx: home.x, cy: home.y });
}
function drawBar() {
  find(".ge-tools").hidden = !!props.readonly;
  enable("relate", !!chosenNode() && local.nodes.length > 1);
  enable("change", !!chosenNode() || !!chosenEdge());
  enable("remove", !!chosenNode() || !!chosenEdge());
  write(find(".ge-mode"), WORDS[props.mode] || WORDS.correct);
  set(find("[data-cmd=names]"), { "aria-pressed": named });
  const count = (n, one) => n + " " + one + (n === 1 ? "" : "s");
  write(find(".ed-status"), linking ? "Relate " + short(nameOf(linking), 20) + " to … (Enter takes, Esc stops)" : count(local.nodes.length, "object") + " · " + count(local.edges.length, "relation"));
  showHint();
}
function fit(again) {
  const size = world(), { w } = canvasSize();
  fitView(size.w, size.h, w > 600 ? 34 : 14, 18);
  layOut(again);
  draw();
}

// ---- edits -----------------------------------------------------------------------------------------------------------------
function applyEdit(edit) {
  if (edit.op === "rename" && nodeOf(edit.id)) nodeOf(edit.id).label = edit.label;
  if (edit.op === "unrelate") local.edges = local.edges.filter((edge) => edge.id !== edit.id);
  if (edit.op === "delete") {
    local.nodes = local.nodes.filter((node) => node.id !== edit.id);
    local.edges = local.edges.filter((edge) => edge.source !== edit.id && edge.target !== edit.id);
  }
  if (edit.op === "relate" && nodeOf(edit.source) && nodeOf(edit.target)) {
    const old = edgeOf(edit.id), state = props.mode === "change" ? "wanted" : "corrected";
    if (old) Object.assign(old, { relation: edit.relation, state });
    else local.edges.push({ id: edit.id, source: edit.source, target: edit.target, relation: edit.relation, family: "", verdict: "true", state, note: "" });
  }
}
function publish(edit) {
  const full = Object.assign({ source: "", target: "", relation: "", label: "" }, edit);
  applyEdit(full);
  outbox.push(full);
  draw();
}
function select(key, tell) {
  if (key === selected) return;
  selected = key;
  asked = null;
  const node = chosenNode(), edge = chosenEdge();
  if (node || edge) say((node ? node.label : sentence(edge)) + " chosen");
  const id = key && (isEdge(key) ? key.slice(5) : key);
  if (tell && !(id && id.startsWith("new-"))) picks.send(key, { kind: key ? (isEdge(key) ? "edge" : "node") : null, id: id || null });
  soon(draw);
}
function relate(source, target) {
  stopLinking();
  if (source === target || !nodeOf(source) || !nodeOf(target)) return;
  askRelation(centre(target), nameOf(source) + " … " + nameOf(target), "", (relation) => {
    const id = "new-" + ++serial;
    publish({ op: "relate", id, source, target, relation });
    selected = "edge:" + id;
    say(sentence(edgeOf(id)) + " added");
    draw();
  });
}
function changeRelation(edge) {
  if (props.readonly) return;
  const spot = find('.ge-tag[data-edge="' + edge.id + '"]') || find('.ge-edge[data-edge="' + edge.id + '"]');
  const box = spot.getBoundingClientRect(), stage = find(".ed-stage").getBoundingClientRect();
  const at = { x: box.left - stage.left, y: box.top - stage.top };
  askRelation(at, nameOf(edge.source) + " … " + nameOf(edge.target), edge.relation, (relation) => {
    const now = edgeOf(edge.id) || chosenEdge();
    if (now && relation !== now.relation) publish({ op: "relate", id: now.id, source: now.source, target: now.target, relation });
  });
}
function rename(node) {
  if (props.readonly) return;
  const at = centre(node.id);
  askText({ x: at.x - 80, y: at.y + PILL / 2 + 4 }, "Name of this object", node.label, "", (text, byKey) => {
    const now = nodeOf(node.id);
    if (now && text && text !== now.label) publish({ op: "rename", id: now.id, label: text });
    if (byKey) focusOn(node.id);
  });
}
function remove() {
  const node = chosenNode(), edge = chosenEdge();
  if (props.readonly || (!node && !edge)) return;
  const key = selected;
  say((node ? node.label : sentence(edge)) + " deleted");
  if (node) publish({ op: "delete", id: node.id, label: node.label.slice(0, 60) });
  else publish({ op: "unrelate", id: edge.id, source: edge.source, target: edge.target, relation: edge.relation.slice(0, 60) });
  select(null, false);
  asked = key;                                           // chosen again should Python refuse
  svg.focus({ preventScroll: true });
}
function edit() {
  if (chosenEdge()) changeRelation(chosenEdge());
  else if (chosenNode()) rename(chosenNode());
}
const partOf = (key) => key && find(isEdge(key) ? '.ge-edge[data-edge="' + key.slice(5) + '"]' : '.ge-node[data-node="' + key + '"]');
function focusOn(key) {
  (partOf(key) || svg).focus({ preventScroll: true });
}

// The list of relations. A click takes at once; with arrows the choice is taken by Enter.
function askRelation(at, title, current, done) {
  const names = [...(props.relations || [])];
  if (current && !names.includes(current)) names.unshift(current);
  const select = document.createElement("select");
  let byKeys = false;
  const take = () => {
    if (!select.value) return;
    const relation = select.value;
    popDone = null;
    pop.hidden = true;
    done(relation);
    focusOn(selected);
  };
  const giveUp = () => { closePop(); focusOn(selected); };
  select.setAttribute("aria-label", "Relation: " + title);
  select.size = clamp(names.length, 2, 9);
  for (const name of names) {
    const option = document.createElement("option");
    option.value = option.textContent = name;
    option.selected = name === current;
    select.appendChild(option);
  }
  if (!current) select.selectedIndex = -1;
  select.addEventListener("pointerdown", () => { byKeys = false; });
  select.addEventListener("change", () => { if (!byKeys) take(); });
  select.addEventListener("click", (ev) => { if (ev.target.tagName === "OPTION" && ev.detail) take(); });
  select.addEventListener("keydown", (ev) => {
    byKeys = true;
    if (!ev.ctrlKey && !ev.metaKey) ev.stopPropagation();
    if (ev.key === "Enter") { ev.preventDefault(); take(); }
    if (ev.key === "Escape") { ev.preventDefault(); giveUp(); }
  });
  select.addEventListener("blur", () => { if (!pop.hidden && !pop.contains(document.activeElement)) closePop(); });
  openPop(at, (box) => {
    const heading = document.createElement("span");
    heading.className = "ed-title";
    heading.textContent = title;
    box.append(heading, select);
  });
}

// ---- keyboard ----------------------------------------------------------------------------------------------------------------
function startLinking(id) {
  if (props.readonly || !id || local.nodes.length < 2) return;
  linking = id;
  say("Choose the second object with arrows or Tab, then Enter. Escape stops.");
  svg.classList.add("linking");
  draw();
}
function stopLinking() {
  linking = null;
  set(find(".ge-rubber"), { d: "" });
}
function step(by) {                                      // to the next or previous object
  const others = local.nodes.filter((node) => node.id !== linking);
  const now = others.findIndex((node) => node.id === selected);
  const next = others[(now + by + others.length) % others.length];
  if (next) focusOn(next.id);
}
svg.addEventListener("keydown", (ev) => {
  if (ev.ctrlKey || ev.metaKey) return;                  // undo and redo belong to the studio
  const act = keyAction(ev);
  if (!act) return;
  ev.preventDefault();
  act();
});
function keyAction(ev) {
  const node = chosenNode(), edge = chosenEdge(), key = ev.key;
  if (key === "Escape") return linking ? () => { stopLinking(); draw(); } : () => select(null, true);
  if (linking && key === "Enter") return () => { if (node && node.id !== linking) relate(linking, node.id); };
  if (key === "ArrowRight" || key === "ArrowDown") return () => step(1);
  if (key === "ArrowLeft" || key === "ArrowUp") return () => step(-1);
  if (key === "Enter" && edge) return () => changeRelation(edge);
  if ((key === "F2" || key === "Enter") && node) return () => rename(node);
  if (key.toLowerCase() === "r" && node) return () => startLinking(node.id);
  if (key === "Delete" || key === "Backspace") return remove;
  return null;
}
function keyOf(target) {
  const node = target.closest("[data-node]"), edge = target.closest("[data-edge]");
  return node ? node.dataset.node : edge ? "edge:" + edge.dataset.edge : null;
}
svg.addEventListener("focusin", (ev) => {
  const key = keyOf(ev.target);
  if (key && !gesture) select(key, true);
});

// ---- pointer -----------------------------------------------------------------------------------------------------------------
svg.addEventListener("mousedown", (ev) => ev.preventDefault());
svg.addEventListener("pointerdown", (ev) => {
  closePop();
  if (fingers.size > 1) { gesture = null; stopLinking(); return; }
  if (ev.button > 1) return;
  const at = pointerAt(ev), handle = ev.target.closest("[data-handle]"), key = keyOf(ev.target);
  capture(ev);
  if (linking && key && !isEdge(key)) return void relate(linking, key);
  stopLinking();
  if (handle && !props.readonly) gesture = { kind: "link", from: handle.dataset.handle, goal: null };
  else if (key) press(key, at);
  else { gesture = { kind: "pan", x: at.x - view.x, y: at.y - view.y, at, moved: false }; svg.focus({ preventScroll: true }); }
  soon(draw);
});
function press(key, at) {
  select(key, true);
  focusOn(key);
  const c = isEdge(key) ? null : centre(key);
  gesture = c ? { kind: "move", id: key, dx: c.x - at.x, dy: c.y - at.y, at, moved: false } : null;
}
svg.addEventListener("pointermove", (ev) => {
  if (pinch(ev)) return soon(draw);
  const at = pointerAt(ev);
  if (!gesture) return hover(keyOf(ev.target));
  if (gesture.at && Math.hypot(at.x - gesture.at.x, at.y - gesture.at.y) > 3) gesture.moved = true;
  if (gesture.kind === "pan" && gesture.moved) { svg.classList.add("panning"); view.x = at.x - gesture.x; view.y = at.y - gesture.y; view.fitted = false; }
  if (gesture.kind === "move" && gesture.moved) moveNode(at);
  if (gesture.kind === "link") pull(at);
  soon(draw);
});
svg.addEventListener("pointerleave", () => hover(null));
function hover(key) {
  if (key === hovered) return;
  hovered = key;
  soon(draw);
}
function moveNode(at) {
  const { w, h } = canvasSize(), place = placed.get(gesture.id);
  const spot = toWorld(clamp(at.x + gesture.dx, 8, w - 8), clamp(at.y + gesture.dy, 8, h - 8));
  Object.assign(place, { x: spot.x, y: spot.y, own: true });
}
function pull(at) {                                      // the line being drawn from a handle
  const from = centre(gesture.from), half = pillWidth(nodeOf(gesture.from)) / 2;
  const goal = local.nodes.find((node) => node.id !== gesture.from && inPill(at, centre(node.id), pillWidth(node) / 2, 6));
  gesture.goal = goal ? goal.id : null;
  set(find(".ge-rubber"), { d: "M" + (from.x + half) + " " + from.y + "L" + at.x + " " + at.y });
}
svg.addEventListener("pointerup", () => release(true));
svg.addEventListener("pointercancel", () => release(false));
function release(take) {
  const done = gesture;
  gesture = null;
  svg.classList.remove("panning");
  set(find(".ge-rubber"), { d: "" });
  if (!done) return;
  if (done.kind === "pan" && !done.moved) select(null, true);
  if (done.kind === "link" && done.goal && take) relate(done.from, done.goal);
  else if (done.kind === "link") select(done.from, true);
  settle();
  soon(draw);
}
svg.addEventListener("dblclick", (ev) => {               // pointer capture hides the real target: ask the document
  const key = keyOf(document.elementFromPoint(ev.clientX, ev.clientY) || svg);
  if (!key) return;
  select(key, true);
  edit();
});
svg.addEventListener("wheel", (ev) => {
  if (!ev.ctrlKey && !ev.metaKey) return;                // a plain wheel keeps scrolling the page
  ev.preventDefault();
  zoomAt(pointerAt(ev), Math.exp(-ev.deltaY * 0.002));
  soon(draw);
}, { passive: false });
onCommands({
  relate: () => { const node = chosenNode(); if (node) { startLinking(node.id); focusOn(node.id); } },
  change: edit,
  remove,
  fit: () => fit(false),
  in: () => { zoomCentre(1.25); draw(); },
  out: () => { zoomCentre(0.8); draw(); },
  names: () => { named = !named; draw(); },
});

// ---- Python -> page ------------------------------------------------------------------------------------------------------------
function settle() {                                      // takes a value that came during a gesture
  if (!postponed || gesture) return;
  postponed = false;
  adopt();
}
function adopt() {
  const value = props.value || BLANK;
  if (isLate(value, truth)) return;
  if (gesture) { postponed = true; return; }
  const edit = answersEdit(value, truth) ? outbox.answered() : null;
  const newDocument = value.key !== truth.key || value.width !== truth.width || value.height !== truth.height;
  const fresh = value.edges.filter((edge) => !truth.edges.some((old) => old.id === edge.id));
  truth = clone(value);
  if (edit && edit.op === "relate" && edit.id.startsWith("new-")) learnId(edit, fresh);
  rebuild(newDocument);
  outbox.pump();
}
// Python gives a drawn relation its real id: the new edge between the same two objects.
function learnId(edit, fresh) {
  const real = fresh.find((edge) => edge.source === edit.source && edge.target === edit.target);
  if (!real || real.id === edit.id) return;
  outbox.rename(edit.id, real.id, ["id"]);
  if (selected !== "edge:" + edit.id) return;
  selected = "edge:" + real.id;
  if (document.activeElement === partOf("edge:" + edit.id)) queueMicrotask(() => focusOn("edge:" + real.id));
}
const exists = (key) => !!key && (isEdge(key) ? !!edgeOf(key.slice(5)) : !!nodeOf(key));
function rebuild(newDocument) {
  local = clone(truth);
  outbox.unanswered().forEach(applyEdit);
  if (exists(asked)) { selected = asked; asked = null; }
  if (selected && !exists(selected)) selected = null;
  if (linking && !nodeOf(linking)) stopLinking();
  if (newDocument) { placed.clear(); fit(true); return; }
  layOut(false);
  draw();
}
function refuse() {                                      // no answer came: show what Python still holds
  if (gesture) { postponed = true; return; }
  rebuild(false);
}
watch("value", adopt);
watch("selected", () => {
  const key = props.selected || null;
  if (picks.outdated(key) || key === selected) return;
  asked = key && !exists(key) ? key : null;              // its value may come a moment later
  if (!asked) selected = key;
  draw();
});
watch(["relations", "mode", "readonly", "mode_hint"], () => draw());
let lastSize = "";
new ResizeObserver(() => {
  const { w, h } = canvasSize();
  if (!w || lastSize === w + "x" + h) return;
  lastSize = w + "x" + h;
  if (view.fitted) fit(true);
  else { layOut(false); draw(); }
}).observe(svg);
fit(true);

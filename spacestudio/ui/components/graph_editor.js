// ---- GraphEditor -----------------------------------------------------------------------------------------------------
// A chosen thing is a node's id or "edge:<id>".
begin({ rev: 0, key: "", stamp: 0, width: 4, height: 3, background: null, nodes: [], edges: [], clashes: [] });
const SIGN = { "true": "✓", "false": "✗", undecided: "?" };
const MARK = { corrected: "✎", stale: "~", "in conflict": "!", wanted: "+" };
const WORDS = { correct: "Correct the graph", change: "Change the picture" };
const PILL = 32, THUMB = 26, MANY = 48, GAP = 8, CROWD = 150, WAYS = 3;

let serial = 0, named = true, hovered = null, linking = null;
let free = false, several = false;                       // free placement; taps add to the choice
let closed = null, unfolded = null;                      // the arrow whose card was put away, or shows all ways out
const group = new Set();                                 // the nodes chosen together: none, or two and more with `selected`
const memory = new Map();                                // places by document and placement, while the page is open
let placed = places();                                   // node id -> {x, y: world; fromX, fromY: the object's place; own}

const nodeOf = (id) => local.nodes.find((node) => node.id === id);
const edgeOf = (id) => local.edges.find((edge) => edge.id === id);
const isEdge = (key) => typeof key === "string" && key.startsWith("edge:");
const chosenNode = () => (selected && !isEdge(selected) ? nodeOf(selected) : null);
const chosenEdge = () => (isEdge(selected) ? edgeOf(selected.slice(5)) : null);
const nameOf = (id) => (nodeOf(id) || { label: "?" }).label;
const world = () => ({ w: 1000, h: free ? placed.height || 750 : (1000 * local.height) / local.width });
const clashOf = (edge) => (edge && (local.clashes || [])[edge.clash]) || null;
const sentence = (edge) => nameOf(edge.source) + " " + edge.relation + " " + nameOf(edge.target);

function places() {
  const name = local.key + (free ? " free" : "");
  if (!memory.has(name)) memory.set(name, new Map());
  if (memory.size > 80) memory.delete(memory.keys().next().value);
  return memory.get(name);
}

// ---- layout: nodes lie where the objects are, pushed apart just enough to be read -----------------------------------------
const narrow = () => canvasSize().w < 520;
const pillText = (node) => short(node.label || "(no name)", narrow() ? 14 : 22);
const pillSize = () => (narrow() ? 11.5 : 12.5);
function pillWidth(node) {
  return Math.round(textWidth(pillText(node), pillSize(), 600)) + 24 + (node.thumb ? THUMB - 4 : 6);
}
function layOut(again) {
  const { w, h } = canvasSize();
  if (!w || !h) return;
  const size = world();
  const ids = new Set(local.nodes.map((node) => node.id));
  for (const id of [...placed.keys()]) if (!ids.has(id)) placed.delete(id);
  const spots = free ? freeSpots(w, h, again) : local.nodes.map((node) => spotOf(node, size, again));
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
// Free placement: related objects attract, all repel; it starts where the objects are, so the same graph looks the same.
function freeSpots(w, h, again) {
  const spots = local.nodes.map((node) => {
    const old = placed.get(node.id), same = old && (old.own || !again);
    const at = same ? toScreen(old.x, old.y) : { x: w * (0.1 + 0.8 * clamp(node.x, 0, 1)), y: h * (0.1 + 0.8 * clamp(node.y, 0, 1)) };
    return { id: node.id, node, x: at.x, y: at.y, half: pillWidth(node) / 2 + GAP, fixed: !!same };
  });
  if (spots.some((spot) => !spot.fixed)) pullTogether(spots, w, h);
  return spots;
}
function pullTogether(spots, w, h) {
  const n = spots.length, ideal = 0.8 * Math.sqrt((w * h) / n), turns = n > CROWD ? 40 : 160;
  const index = new Map(spots.map((spot, i) => [spot.id, i])), degree = new Array(n).fill(0), links = new Map();
  for (const edge of local.edges) {
    const i = index.get(edge.source), j = index.get(edge.target);
    if (i !== undefined && j !== undefined) links.set(Math.min(i, j) + " " + Math.max(i, j), [i, j]);
  }
  for (const [i, j] of links.values()) { degree[i]++; degree[j]++; }
  for (let turn = 0; turn < turns; turn++) {
    const move = spots.map((spot) => ({ x: (w / 2 - spot.x) * 0.05, y: (h / 2 - spot.y) * 0.08 }));
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) push(i, j, (d) => (ideal * ideal) / d / 2, move, 1);
    for (const [i, j] of links.values()) push(i, j, (d) => (d * d) / ideal / Math.sqrt(degree[i] * degree[j]) / 2, move, -1);
    const most = (Math.max(w, h) / 9) * (1 - turn / turns) + 0.5;
    spots.forEach((spot, i) => {
      if (spot.fixed) return;
      const length = Math.hypot(move[i].x, move[i].y) || 1, share = Math.min(length, most) / length;
      spot.x = clamp(spot.x + move[i].x * share, Math.min(spot.half, w / 2), Math.max(w - spot.half - 12, w / 2));
      spot.y = clamp(spot.y + move[i].y * share, PILL, h - PILL);
    });
  }
  function push(i, j, force, move, sign) {
    const dx = spots[i].x - spots[j].x || (i - j) * 0.1, dy = spots[i].y - spots[j].y || (i + j) * 0.1, d = Math.max(4, Math.hypot(dx, dy));
    const f = (sign * force(d)) / d;
    move[i].x += dx * f; move[i].y += dy * f;
    move[j].x -= dx * f; move[j].y -= dy * f;
  }
}
function arrange() {                                     // forgets what was dragged in this placement
  placed.clear();
  fit(true);
  say(free ? "Arranged freely" : "Arranged where the objects are");
}
function place(freely) {
  if (free === freely) return;
  free = freely;
  placed = places();
  fit(false);
  say(free ? "Free placement" : "Nodes where the objects are in the picture");
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
// Few nodes leave room for the arrows between them.
const room = () => (local.nodes.length > 16 ? 0 : local.nodes.length > 8 ? 16 : 44) / (narrow() ? 1.6 : 1);
function apart(a, b, tie) {                              // moves two overlapping pills along the shorter way out
  const overX = a.half + b.half + room() - Math.abs(a.x - b.x), overY = PILL + 3 * GAP + room() - Math.abs(a.y - b.y);
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
for (const verdict of [...Object.keys(SIGN), "conflict"]) {
  const marker = mk("marker", { id: "ge-" + verdict + "-" + uid, class: verdict === "conflict" ? "s-conflict" : "v-" + verdict, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, svg.querySelector("defs"));
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
  mk("image", { width: THUMB, height: THUMB, y: -THUMB / 2, preserveAspectRatio: "xMidYMid slice", "clip-path": "circle(" + THUMB / 2 + "px)" }, part);
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
  svg.classList.toggle("free", free);
  svg.classList.toggle("several", several);
  element.dataset.mode = props.mode === "change" ? "change" : "correct";
  svg.style.setProperty("--pill-text", pillSize() + "px");
  drawPicture();
  drawAnchors(free ? [] : local.nodes.filter(isAway), drawAnchor);
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
  drawClash(curves);
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
  if (!nodeOf(key) || group.size) return null;
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
  set(part, { "aria-label": sentence(edge) + ", " + edge.verdict + ", " + edge.state + (edge.note ? ", " + edge.note : "") + (clashOf(edge) ? ". Contradiction: " + clashOf(edge).words + " Enter leads to the ways out." : "") });
  write(part.children[0], tooltip(edge));
  for (const i of [1, 2, 3]) set(part.children[i], { d: curve.d });
  set(part.children[3], { "marker-end": "url(#ge-" + (edge.state === "in conflict" ? "conflict" : edge.verdict) + "-" + uid + ")" });
}
function tooltip(edge) {
  return sentence(edge) + "\n" + [edge.verdict, edge.state, edge.family].filter(Boolean).join(" · ") + (edge.note ? "\n" + edge.note : "") + (clashOf(edge) ? "\n⚠ " + clashOf(edge).words : "");
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
  set(part, { class: "ge-node" + (node.id === selected || group.has(node.id) ? " sel" : "") + (near && near.has(node.id) ? " near" : "") + (goal ? " goal" : "") });
  set(part, { transform: "translate(" + at.x.toFixed(1) + "," + at.y.toFixed(1) + ")", "aria-label": node.label || "(no name)", "aria-pressed": node.id === selected || group.has(node.id) });
  if (node.color) part.style.setProperty("--c", node.color);
  else part.style.removeProperty("--c");
  const [title, ring, body, dot, image, text, handle] = part.children;
  write(title, node.label);
  set(ring, { x: left - 4, width: width + 8 });
  set(body, { x: left, width });
  set(dot, { cx: left + 14, visibility: node.thumb ? "hidden" : "visible" });
  set(image, { x: left + 3, visibility: node.thumb ? "visible" : "hidden" });
  if (node.thumb) set(image, { href: node.thumb });
  set(text, { x: left + (node.thumb ? THUMB + 9 : 23) });
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
  enable("relate", !!chosenNode() && local.nodes.length > 1 && (group.size === 0 || group.size === 2));
  enable("change", (!!chosenNode() && !group.size) || !!chosenEdge());
  enable("remove", !!chosenNode() || !!chosenEdge());
  write(find(".ge-mode"), WORDS[props.mode] || WORDS.correct);
  set(find("[data-cmd=names]"), { "aria-pressed": named });
  set(find("[data-cmd=several]"), { "aria-pressed": several });
  set(find("[data-cmd=picture]"), { "aria-pressed": !free });
  set(find("[data-cmd=free]"), { "aria-pressed": free });
  const count = (n, one) => n + " " + one + (n === 1 ? "" : "s");
  write(find(".ed-status"), linking ? "Relate " + short(nameOf(linking), 20) + " to … (Enter takes, Esc stops)" : group.size ? count(group.size, "object") + " chosen" : count(local.nodes.length, "object") + " · " + count(local.edges.length, "relation"));
  showHint();
}
function fit(again) {
  const { w, h } = canvasSize();
  if (free && w) {                                       // the free world has the shape of the canvas
    const height = (1000 * h) / w;
    for (const spot of placed.values()) spot.y *= height / (placed.height || height);
    placed.height = height;
  }
  const size = world();
  fitView(size.w, size.h, free ? 0 : w > 600 ? 34 : 14, free ? 0 : 18);
  layOut(again);
  draw();
}

// ---- edits -----------------------------------------------------------------------------------------------------------------
function applyEdit(edit) {
  if (edit.op === "rename" && nodeOf(edit.id)) {
    const attributes = edit.attributes || [];
    Object.assign(nodeOf(edit.id), { own: edit.label, attributes, label: [...attributes, edit.label].join(" ") });
  }
  if (edit.op === "unrelate") local.edges = local.edges.filter((edge) => edge.id !== edit.id);
  if (edit.op === "delete") {
    const gone = new Set([edit.id, ...(edit.ids || [])]);
    local.nodes = local.nodes.filter((node) => !gone.has(node.id));
    local.edges = local.edges.filter((edge) => !gone.has(edge.source) && !gone.has(edge.target));
  }
  if (edit.op === "relate" && nodeOf(edit.source) && nodeOf(edit.target)) {
    const old = edgeOf(edit.id), state = props.mode === "change" ? "wanted" : "corrected";
    if (old) Object.assign(old, { relation: edit.relation, state });
    else local.edges.push({ id: edit.id, source: edit.source, target: edit.target, relation: edit.relation, family: "", verdict: "true", state, note: "" });
  }
}
function publish(edit) {
  send(Object.assign({ source: "", target: "", relation: "", label: "" }, edit));
  draw();
}
function select(key, tell) {
  if (key === selected && !group.size) return;
  group.clear();
  selected = key;
  asked = closed = unfolded = null;
  const node = chosenNode(), edge = chosenEdge();
  if (node || edge) say((node ? node.label : sentence(edge)) + " chosen");
  const id = key && (isEdge(key) ? key.slice(5) : key);
  if (tell && !(id && id.startsWith("new-"))) picks.send(key, { kind: key ? (isEdge(key) ? "edge" : "node") : null, id: id || null });
  soon(draw);
}
// Adds a node to the choice, or takes it out again.
function toggle(id) {
  if (!group.size && chosenNode()) group.add(selected);
  if (group.has(id) && group.size > 1) group.delete(id);
  else group.add(id);
  chooseGroup(group.has(id) ? id : [...group].pop());
}
function chooseGroup(last) {
  selected = last || null;
  asked = null;
  if (group.size < 2) group.clear();
  say(group.size ? group.size + " objects chosen" : selected ? nameOf(selected) + " chosen" : "Nothing chosen");
  picks.send(selected, { kind: selected ? "node" : null, id: selected });
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
  const at = centre(node.id), own = node.own || node.label, attributes = node.attributes || [];
  const fields = [["Name", own, 60], ["Attributes, comma-separated", attributes.join(", "), 260]];
  askTexts({ x: at.x - 110, y: at.y + PILL / 2 + 4, above: at.y - PILL / 2 - 4 }, fields, (texts, byKey) => {
    const now = nodeOf(node.id), [text, words] = texts ? [tidy(texts[0]), texts[1]] : ["", ""];
    const list = words.split(",").map(tidy).filter(Boolean).slice(0, 8).map((word) => [...word].slice(0, 30).join("").trim());
    if (now && text && (text !== own || list.join(",") !== attributes.join(","))) publish({ op: "rename", id: now.id, label: text, attributes: list });
    if (byKey) focusOn(node.id);
  });
}
function remove() {
  const node = chosenNode(), edge = chosenEdge();
  if (props.readonly || (!node && !edge)) return;
  const key = selected, ids = [...group];
  say((ids.length ? ids.length + " objects" : node ? node.label : sentence(edge)) + " deleted");
  if (ids.length) publish({ op: "delete", id: ids[0], ids: ids.slice(1) });
  else if (node) publish({ op: "delete", id: node.id, label: node.label.slice(0, 60) });
  else publish({ op: "unrelate", id: edge.id, source: edge.source, target: edge.target, relation: edge.relation.slice(0, 60) });
  select(null, false);
  asked = key;                                           // chosen again should Python refuse
  focusPart(null);
}
function edit() {
  if (chosenEdge()) changeRelation(chosenEdge());
  else if (chosenNode() && !group.size) rename(chosenNode());
}
// A contradiction in words at the chosen arrow, with its ways out as buttons.
const card = find(".ge-clash");
function drawClash(curves) {
  const edge = chosenEdge(), clash = clashOf(edge), curve = edge && curves.get(edge.id);
  card.hidden = !clash || !curve || closed === edge.id || !!gesture || !pop.hidden;
  if (card.hidden) return;
  const look = JSON.stringify([edge.id, clash, props.readonly, unfolded]);
  if (card.look !== look) fillClash(edge, clash);
  card.look = look;
  const best = calmSpot(edge, curve);
  card.style.left = best.x + "px";
  card.style.top = best.y + "px";
}
// Where the card hides least of the arrow and its two objects: near its middle, or along the border of the canvas.
function calmSpot(edge, curve) {
  const { w, h } = canvasSize(), tall = card.offsetHeight, wide = card.offsetWidth, at = curve.at(0.5);
  const right = Math.max(6, w - wide - 6), low = Math.max(6, h - tall - 6);
  const seen = [0, 0.2, 0.4, 0.5, 0.6, 0.8, 1].map(curve.at).concat(local.nodes.map((node) => centre(node.id)));
  for (const id of [edge.source, edge.target]) {
    const c = centre(id), half = pillWidth(nodeOf(id)) / 2;
    seen.push(c, { x: c.x - half, y: c.y }, { x: c.x + half, y: c.y });
  }
  const xs = [at.x - wide / 2, at.x - wide - 30, at.x + 30, 6, right].map((x) => clamp(x, 6, right));
  const ys = [at.y + 22, at.y - 22 - tall, at.y - tall / 2, 6, low].map((y) => clamp(y, 6, low));
  const hidden = ({ x, y }) => seen.filter((p) => p.x > x - 12 && p.x < x + wide + 12 && p.y > y - 18 && p.y < y + tall + 18).length;
  const spots = ys.flatMap((y) => xs.map((x) => ({ x, y })));
  return spots.reduce((best, spot) => (hidden(spot) < hidden(best) ? spot : best));
}
function fillClash(edge, clash) {
  const line = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const button = (text, act) => {
    const made = Object.assign(line("button", text), { type: "button" });
    made.addEventListener("click", act);
    return made;
  };
  const close = button("×", () => { closed = edge.id; focusOn(selected); draw(); });
  close.className = "ge-close";
  close.setAttribute("aria-label", "Put this away");
  const ways = props.readonly ? [] : clash.ways.map((way) => button(way.words, () => {
    closed = edge.id;
    say(way.words);
    publish({ op: "repair", id: way.id });
    focusPart(null);
  }));
  const more = ways.length > WAYS + 1 && unfolded !== edge.id;
  if (more) ways.splice(WAYS, ways.length, button("More ways out …", () => { unfolded = edge.id; draw(); card.querySelectorAll("button")[WAYS + 1].focus(); }));
  if (!props.readonly && !more) ways.push(button("Choose another relation …", () => changeRelation(edgeOf(edge.id) || edge)));
  card.replaceChildren(close, line("strong", "⚠ Contradiction"), line("p", clash.words), ...ways);
}
card.addEventListener("keydown", (ev) => {
  if (ev.key === "Escape") focusOn(selected);
});
const partOf = (key) => key && find(isEdge(key) ? '.ge-edge[data-edge="' + key.slice(5) + '"]' : '.ge-node[data-node="' + key + '"]');
function focusOn(key) {
  focusPart(partOf(key));
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
function step(by, extend) {                              // to the next or previous object
  const others = local.nodes.filter((node) => node.id !== linking);
  const now = others.findIndex((node) => node.id === selected);
  const next = others[(now + by + others.length) % others.length];
  if (next && extend && !linking) toggle(next.id);
  if (next) focusOn(next.id);
}
function nudge(dx, dy) {                                 // the chosen nodes, by keys
  const { w, h } = canvasSize();
  for (const id of group.size ? group : [selected]) {
    const at = centre(id), spot = toWorld(clamp(at.x + dx, 8, w - 8), clamp(at.y + dy, 8, h - 8));
    Object.assign(placed.get(id), { x: spot.x, y: spot.y, own: true });
  }
  draw();
}
function all() {
  for (const node of local.nodes) group.add(node.id);
  chooseGroup(chosenNode() ? selected : (local.nodes[0] || {}).id);
}
svg.addEventListener("keydown", (ev) => {
  if ((ev.ctrlKey || ev.metaKey) && ev.key.toLowerCase() === "a" && !ev.shiftKey && !ev.altKey) {
    ev.preventDefault();
    return all();
  }
  if (ev.ctrlKey || ev.metaKey) return;                  // undo and redo belong to the studio
  const act = keyAction(ev);
  if (!act) return;
  ev.preventDefault();
  act();
});
function keyAction(ev) {
  const node = chosenNode(), edge = chosenEdge(), key = ev.key;
  const towards = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
  if (key === "Escape") return linking ? () => { stopLinking(); draw(); } : () => select(null, true);
  if (linking && key === "Enter") return () => { if (node && node.id !== linking) relate(linking, node.id); };
  if (towards && ev.altKey) return node && placed.has(node.id) ? () => nudge(10 * towards[0], 10 * towards[1]) : () => {};
  if (towards) return () => step(towards[0] + towards[1], ev.shiftKey);
  if (ev.altKey) return null;
  if (key === "Enter" && edge && !card.hidden) return () => card.querySelector("button:not(.ge-close)").focus();
  if (key === "Enter" && edge) return () => changeRelation(edge);
  if ((key === "F2" || key === "Enter") && node) return () => rename(node);
  if (key.toLowerCase() === "r" && node) return relateChosen;
  if (key.toLowerCase() === "f") return () => fit(false);
  if (key.toLowerCase() === "a") return arrange;
  if (key.toLowerCase() === "p") return () => place(!free);
  if (key === "Delete" || key === "Backspace") return remove;
  return null;
}
function keyOf(target) {
  const node = target.closest("[data-node]"), edge = target.closest("[data-edge]");
  return node ? node.dataset.node : edge ? "edge:" + edge.dataset.edge : null;
}
svg.addEventListener("focusin", (ev) => {
  const key = keyOf(ev.target);
  if (!key || gesture || key === selected) return;
  if (!group.has(key)) return select(key, true);
  selected = key;
  soon(draw);
});
function relateChosen() {                                // two chosen objects: from the first to the second
  if (group.size === 2) return relate(...group);
  const node = chosenNode();
  if (!node || group.size) return;
  startLinking(node.id);
  focusOn(node.id);
}

// ---- pointer -----------------------------------------------------------------------------------------------------------------
svg.addEventListener("pointerdown", (ev) => {
  closePop();
  if (fingers.size > 1) { gesture = null; stopLinking(); return; }
  if (ev.button > 1) return;
  const at = pointerAt(ev), handle = ev.target.closest("[data-handle]"), key = keyOf(ev.target);
  capture(ev);
  if (linking && key && !isEdge(key)) return void relate(linking, key);
  stopLinking();
  if (handle && !props.readonly) gesture = { kind: "link", from: handle.dataset.handle, goal: null };
  else if (key) press(key, at, ev.shiftKey || ev.ctrlKey || ev.metaKey || several);
  else if ((ev.shiftKey || several) && ev.button === 0) {
    gesture = { kind: "band", at, moved: false, before: ev.shiftKey ? [...(group.size ? group : chosenNode() ? [selected] : [])] : [] };
    focusPart(null);
  } else { gesture = { kind: "pan", x: at.x - view.x, y: at.y - view.y, at, moved: false }; focusPart(null); }
  soon(draw);
});
function press(key, at, extend) {
  const node = !isEdge(key), member = group.has(key);
  if (node && extend) toggle(key);
  else if (!member) select(key, true);
  focusOn(node && extend ? selected : key);
  const moved = node ? (group.has(key) ? [...group] : [key]) : [];
  const from = moved.filter((id) => placed.has(id)).map((id) => ({ id, ...centre(id) }));
  gesture = node ? { kind: "move", id: key, from, at, moved: false, single: member && !extend } : null;
}
svg.addEventListener("pointermove", (ev) => {
  if (pinch(ev)) return soon(draw);
  const at = pointerAt(ev);
  if (!gesture) return hover(keyOf(ev.target));
  if (gesture.at && Math.hypot(at.x - gesture.at.x, at.y - gesture.at.y) > 3) gesture.moved = true;
  if (gesture.kind === "pan" && gesture.moved) { svg.classList.add("panning"); view.x = at.x - gesture.x; view.y = at.y - gesture.y; view.fitted = false; }
  if (gesture.kind === "move" && gesture.moved) moveNodes(at);
  if (gesture.kind === "band" && gesture.moved) band(at);
  if (gesture.kind === "link") pull(at);
  soon(draw);
});
svg.addEventListener("pointerleave", () => hover(null));
function hover(key) {
  if (key === hovered) return;
  hovered = key;
  soon(draw);
}
function moveNodes(at) {
  const { w, h } = canvasSize(), dx = at.x - gesture.at.x, dy = at.y - gesture.at.y;
  for (const from of gesture.from) {
    const spot = toWorld(clamp(from.x + dx, 8, w - 8), clamp(from.y + dy, 8, h - 8));
    if (placed.has(from.id)) Object.assign(placed.get(from.id), { x: spot.x, y: spot.y, own: true });
  }
}
function band(at) {                                      // the nodes under the rectangle being drawn
  const x0 = Math.min(at.x, gesture.at.x), x1 = Math.max(at.x, gesture.at.x), y0 = Math.min(at.y, gesture.at.y), y1 = Math.max(at.y, gesture.at.y);
  set(find(".ge-rubber"), { d: "M" + x0 + " " + y0 + "H" + x1 + "V" + y1 + "H" + x0 + "Z" });
  group.clear();
  for (const id of gesture.before) group.add(id);
  for (const node of local.nodes) {
    const c = centre(node.id);
    if (c.x >= x0 && c.x <= x1 && c.y >= y0 && c.y <= y1) group.add(node.id);
  }
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
  if ((done.kind === "pan" || done.kind === "band") && !done.moved) select(null, true);
  if (done.kind === "band" && done.moved) chooseGroup([...group].pop());
  if (done.kind === "move" && done.single && !done.moved) select(done.id, true);
  if (done.kind === "link" && done.goal && take) relate(done.from, done.goal);
  else if (done.kind === "link") select(done.from, true);
  settle();
  soon(draw);
}
svg.addEventListener("dblclick", (ev) => {
  const key = keyOf(underPointer(ev));
  if (!key) return;
  select(key, true);
  edit();
});
onCommands({
  relate: relateChosen,
  change: edit,
  remove,
  fit: () => fit(false),
  ...zoomable(draw),
  several: () => { several = !several; say(several ? "Taps and dragging over the canvas choose several" : "One at a time"); draw(); },
  picture: () => place(false),
  free: () => place(true),
  arrange,
  names: () => { named = !named; draw(); },
});

// ---- Python -> page ------------------------------------------------------------------------------------------------------------
// Python gives a drawn relation its real id: the new edge between the same two objects.
function learnId(edit, before) {
  if (edit.op !== "relate" || !edit.id.startsWith("new-")) return;
  const joins = (edge) => edge.source === edit.source && edge.target === edit.target;
  const fresh = truth.edges.filter((edge) => !before.edges.some((old) => old.id === edge.id));
  const real = fresh.find(joins) || truth.edges.find((edge) => joins(edge) && edge.relation === edit.relation);
  if (!real || real.id === edit.id) return;
  outbox.rename(edit.id, real.id, ["id"]);
  if (selected !== "edge:" + edit.id) return;
  selected = "edge:" + real.id;
  picks.send(selected, { kind: "edge", id: real.id });   // the table and the form follow
  if (document.activeElement === partOf("edge:" + edit.id)) queueMicrotask(() => focusOn("edge:" + real.id));
}
const exists = (key) => !!key && (isEdge(key) ? !!edgeOf(key.slice(5)) : !!nodeOf(key));
function rebuilt(newDocument) {
  for (const id of [...group]) if (!nodeOf(id)) group.delete(id);
  if (selected && !exists(selected)) selected = [...group].pop() || null;
  if (group.size < 2) group.clear();
  if (linking && !nodeOf(linking)) stopLinking();
  if (newDocument) { group.clear(); placed = places(); fit(true); return; }
  layOut(false);
  draw();
}
function followed(key) {
  if (!group.has(key)) group.clear();
}
connect({ applyEdit, draw, learnId, rebuilt, followed, known: exists });
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

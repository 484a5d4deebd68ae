// ---- CloudTools ------------------------------------------------------------------------------------------------------
// Every redraw of the figure makes a new Plotly element; `kept` is where the person looked from, `scene` whose it is.
const REACH = 5, NEAR = 14;                              // px: how far a click may slip, and how far a touch may miss
const buttons = [...element.querySelectorAll("[data-view]")];
let view = (props.value && props.value.view) || "front";
let plot = null, hovered = null, pressed = null, kept = null, scene = null;

const meta = () => (plot && plot.layout && plot.layout.meta) || null;
const idOf = (place) => (meta() && Number.isInteger(place) && meta().ids[place]) || null;

function place(camera) {
  if (camera && plot && window.Plotly) window.Plotly.relayout(plot, { "scene.camera": JSON.parse(JSON.stringify(camera)) });
}
function show() {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.view === view));
}
element.addEventListener("click", (ev) => {
  const button = ev.target.closest("[data-view]");
  if (!button) return;
  const other = button.dataset.view !== view;
  view = button.dataset.view;
  kept = null;
  show();
  if (meta()) place(meta().cameras[view]);               // at once; Python follows with what is seen from there
  if (!other) return;
  props.value = { view };
  trigger("turn");
});

// ---- the figure ------------------------------------------------------------------------------------------------------
function take(found) {
  plot = found;
  hovered = pressed = null;
  if (!meta() || !plot.on) return;
  if (scene !== meta().key) kept = null;
  scene = meta().key;
  if (kept || view !== "front") place(kept || meta().cameras[view]);
  const mine = found;
  plot.on("plotly_relayout", (change) => {
    if (mine === plot && change["scene.camera"]) kept = change["scene.camera"];
  });
  plot.on("plotly_hover", (ev) => { hovered = ev.points && ev.points[0] ? ev.points[0].customdata : null; if (!Number.isInteger(hovered)) hovered = -1; });
  plot.on("plotly_unhover", () => { hovered = null; });
}
function look() {
  const box = document.getElementById(props.plot);
  const found = box && box.querySelector(".js-plotly-plot");
  if (found && found !== plot) take(found);
}

// ---- clicks: Plotly's own click does not come in every browser ---------------------------------------------------------
// The drawn point or box corner nearest to a place on the screen, as an object's place; null when none is near.
function nearest(x, y) {
  const inner = plot._fullLayout && plot._fullLayout.scene && plot._fullLayout.scene._scene;
  const box = plot.querySelector(".gl-container canvas"), params = inner && inner.glplot && inner.glplot.cameraParams;
  if (!params || !box || !inner.dataScale) return null;
  const m = [params.projection, params.view, params.model].reduce(times), frame = box.getBoundingClientRect();
  let best = NEAR * NEAR, depth = Infinity, out = null;
  for (const trace of plot._fullData) {
    if (trace.visible !== true || !trace.x) continue;
    for (let i = 0; i < trace.x.length; i++) {
      const p = [trace.x[i], trace.y[i], trace.z[i]].map((v, k) => v * inner.dataScale[k]);
      const w = m[3] * p[0] + m[7] * p[1] + m[11] * p[2] + m[15];
      if (!(w > 0)) continue;
      const u = ((m[0] * p[0] + m[4] * p[1] + m[8] * p[2] + m[12]) / w + 1) / 2, v = (1 - (m[1] * p[0] + m[5] * p[1] + m[9] * p[2] + m[13]) / w) / 2;
      const away = (frame.left + u * frame.width - x) ** 2 + (frame.top + v * frame.height - y) ** 2;
      if (away > best + 4 || (away > best - 4 && w > depth)) continue;
      [best, depth, out] = [Math.min(best, away), w, trace.customdata ? trace.customdata[i] : -1];
    }
  }
  return out;
}
function times(a, b) {                                   // 4 x 4, column by column
  return a.map((_, i) => [0, 1, 2, 3].reduce((sum, k) => sum + a[4 * k + (i % 4)] * b[4 * Math.floor(i / 4) + k], 0));
}
function onPlot(ev) {
  return plot && ev.target instanceof Element && plot.contains(ev.target) && ev.target.closest(".gl-container, .svg-container") && !ev.target.closest(".modebar, .legend");
}
function down(ev) {
  pressed = ev.button === 0 && onPlot(ev) ? { x: ev.clientX, y: ev.clientY, hovered } : null;
}
function up(ev) {
  const from = pressed;
  pressed = null;
  if (!from) return;
  if (Math.hypot(ev.clientX - from.x, ev.clientY - from.y) > REACH) return void (hovered = null); // the cloud was turned
  const hit = from.hovered === null ? nearest(ev.clientX, ev.clientY) : from.hovered;
  if (hit !== null) trigger("pick", { id: idOf(hit) });  // the background: nothing is chosen
}
const controls = new AbortController();
document.addEventListener("pointerdown", down, { capture: true, signal: controls.signal });
document.addEventListener("pointerup", up, { capture: true, signal: controls.signal });
const watching = new MutationObserver(() => {
  if (element.isConnected) return look();
  watching.disconnect();
  controls.abort();
});
watching.observe(document.body, { childList: true, subtree: true });
show();
look();

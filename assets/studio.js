// The connection: a line while the studio can't be reached, and the page as it is now once it can be again.
(() => {
  const EVERY = 15000, AGAIN = 2000, PATIENCE = 8000;      // ms
  let first = null, lost = false, slow = 0, timer = 0, line = null, asking = false;

  async function studio() {                                // which run of the studio answers; throws when none does
    const stop = new AbortController(), clock = setTimeout(() => stop.abort(), PATIENCE);
    try {
      const answer = await fetch((window.gradio_config?.root ?? "") + "/gradio_api/app_id", { cache: "no-store", signal: stop.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      return (await answer.json()).app_id;
    } finally { clearTimeout(clock); }
  }

  function show() {
    if (!line) {
      line = document.createElement("div");
      line.id = "studio-lost";
      line.setAttribute("role", "alert");
      document.body.append(line);
    }
    line.hidden = false;
    line.textContent = "Connection lost; what you did before is saved. Trying again…";
    window.studioPlace?.unsent();
  }

  function back(id) {
    lost = false;
    if (line) { line.hidden = true; line.textContent = ""; }
    if (first !== null && id !== first) location.reload(); // it was started anew; the address says what was open
    else window.studioPlace?.go({}, false);
  }

  async function check() {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    try {
      const id = await studio();
      if (lost) back(id);
      first ??= id;
      slow = 0;
    } catch (error) {
      slow = error.name === "AbortError" ? slow + 1 : 2;   // one late answer may only mean much work
      if (slow >= 2 && first !== null) { lost = true; show(); }
    }
    asking = false;
    timer = setTimeout(check, lost ? AGAIN : EVERY);
  }

  const soon = () => { if (document.visibilityState === "visible") check(); };
  window.addEventListener("offline", check);
  window.addEventListener("online", check);
  document.addEventListener("visibilitychange", soon);
  document.addEventListener("studio-silent", check);       // an edit still has no answer
  if (document.readyState === "complete") check();
  else window.addEventListener("load", check);
})();

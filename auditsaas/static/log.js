// The log and one event: the drawer, moving by keys, live rows, the bars' tip.
(() => {
  const byId = (id) => document.getElementById(id);
  const narrow = matchMedia("(max-width: 767.98px)");
  let listAddress = location.href;
  // The link whose event is on its way to the drawer.
  let asking = null;

  // ---- the drawer ----
  const rows = () => [...document.querySelectorAll("#log-rows > tr")];
  const selected = () => document.querySelector("#log-rows > tr[aria-selected=true]");
  const isOpen = () => !!byId("drawer")?.childElementCount;

  function select(row) {
    selected()?.removeAttribute("aria-selected");
    row?.setAttribute("aria-selected", "true");
  }

  document.addEventListener("htmx:config:request", (event) => {
    const source = event.detail.ctx.sourceElement;
    if (event.detail.ctx.target?.id !== "drawer") return;
    asking = source;
    if (!isOpen()) listAddress = location.href;
    // One step back leads to the list, however many events were looked at.
    else Object.assign(event.detail.ctx, { push: null, replace: "true" });
    select(source.closest("#log-rows > tr") ?? byId(`e-${source.pathname?.split("/").pop()}`));
  });

  // What could not be read is not shown as if it were open.
  document.addEventListener("request-failed", (event) => {
    if (event.detail.ctx.target?.id !== "drawer") return;
    asking = null;
    select(isOpen() ? byId(`e-${location.pathname.split("/").pop()}`) : null);
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const { target, sourceElement } = event.detail.ctx;
    if (target?.id === "drawer") {
      asking = null;
      const drawer = byId("event");
      drawer?.focus({ preventScroll: true });
      setModal(narrow.matches);
    }
    if (target?.id === "results" && sourceElement.id !== "live") {
      if (isOpen()) emptyDrawer();
      listAddress = location.href;
      if (byId("live-toggle")?.ariaPressed === "true") startLive();
    }
  });

  function setModal(on) {
    for (const other of document.querySelectorAll(".topbar, .shell")) other.inert = on;
    const drawer = byId("event");
    if (on && drawer) Object.assign(drawer, { role: "dialog", ariaModal: "true" });
  }

  function emptyDrawer() {
    byId("drawer").replaceChildren();
    setModal(false);
  }

  function closeDrawer() {
    const row = selected();
    if (asking) htmx.trigger(asking, "htmx:abort");
    asking = null;
    emptyDrawer();
    history.replaceState({ htmx: true }, "", listAddress);
    select(null);
    (row?.querySelector("a") ?? byId("content")).focus();
  }

  function step(by) {
    const all = rows();
    // On an event's own page there are no rows: its neighbours are links.
    if (!all.length) document.querySelector(`[data-step="${by}"]`)?.click();
    const current = selected() ?? document.activeElement?.closest("#log-rows > tr");
    const next = current ? all[all.indexOf(current) + by] : all[0];
    if (!next) return;
    const link = next.querySelector("a");
    if (isOpen()) link.click();
    else link.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("click", (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!plain || !isOpen()) return;
    const close = event.target.closest("[data-close=drawer]");
    const move = event.target.closest("[data-step]");
    if (!close && !move) return;
    event.preventDefault();
    if (close) closeDrawer();
    else step(Number(move.dataset.step));
  });

  // ---- keys ----
  const keys = {
    "/": () => byId("q")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    f: () =>
      narrowFilters()
        ? byId("filters-open").click()
        : document.querySelector("#facets summary")?.focus(),
    l: () => byId("live-toggle")?.click(),
    r: () => byId("reset")?.click(),
    d: () => byId("download")?.click(),
    v: () => document.dispatchEvent(new Event("ask-values")),
    "?": () => byId("keys").togglePopover(),
  };
  const narrowFilters = () => byId("filters-open")?.offsetParent;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target.closest(
      "input:not([type=checkbox], [type=radio]), select, textarea",
    );
    if (event.key === "Escape") {
      if (document.querySelector(":popover-open, .filters.open")) return;
      if (isOpen() || asking) closeDrawer();
      else if (event.target.id === "q" && event.target.value) clearSearch(event);
      return;
    }
    if (typing || !document.body.hasAttribute("data-keys")) return;
    const act = keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });

  function clearSearch(event) {
    event.preventDefault();
    byId("q").value = "";
    byId("filters").requestSubmit();
  }

  // ---- live: scrolled or selected rows never move ----
  const MOST_ROWS = 500;
  const GREW_MS = 4_000;
  const IDLE_MS = 10_000;
  const ANNOUNCE_MS = 10_000;
  let announced = 0;
  let unannounced = 0;

  function startLive() {
    const live = byId("live");
    if (!live?.dataset.url) return;
    live.setAttribute("hx-get", live.dataset.url);
    live.setAttribute("hx-trigger", "every 2s");
    // Where nothing matches yet there is no table; the first event that does brings one.
    const empty = !byId("log-rows");
    live.setAttribute("hx-target", empty ? "#live" : "#log-rows");
    live.setAttribute("hx-swap", empty ? "innerHTML" : "afterbegin");
    htmx.process(live, true);
  }

  function stopLive() {
    showLive("Live");
    const live = byId("live");
    const idle = live.cloneNode(false);
    for (const name of ["hx-get", "hx-trigger", "data-htmx-powered"]) idle.removeAttribute(name);
    live.replaceWith(idle);
  }

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("#live-toggle");
    if (toggle) {
      const on = toggle.ariaPressed !== "true";
      toggle.ariaPressed = String(on);
      toggle.classList.toggle("live-on", on);
      if (on) startLive();
      else stopLive();
      // What counts itself every few seconds is not read out each time.
      byId("count").ariaLive = on ? "off" : null;
      byId("announce").textContent = on ? "Live, updates every 2 seconds" : "Live is off";
    }
    if (event.target.closest("#new-events")) {
      window.scrollTo({ top: 0 });
      release();
    }
  });

  const showLive = (words) => {
    const label = document.querySelector("#live-toggle > span");
    if (label && label.textContent !== words) label.textContent = words;
  };

  document.addEventListener("request-failed", (event) => {
    if (event.detail.ctx.sourceElement.id !== "live") return;
    // It asks again by itself.
    event.preventDefault();
    showLive("Reconnecting");
  });
  // Its answer replaces the element that asked, from which no later event would rise.
  document.addEventListener("htmx:after:request", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    if (sourceElement.id !== "live" || response.status >= 400) return;
    showLive("Live");
    keepTrue(response.status !== 204);
  });

  // ---- total, facets and bars count what has arrived ----
  let counted = Date.now();
  let grown = false;

  function keepTrue(grew) {
    grown ||= grew;
    if (Date.now() - counted < (grown ? GREW_MS : IDLE_MS)) return;
    for (const id of grown ? ["count", "facets", "histogram"] : ["count"]) {
      htmx.trigger(byId(id), "log-grew");
    }
    counted = Date.now();
    grown = false;
  }

  const reading = () => window.scrollY > 200 || isOpen() || !!selected();

  document.addEventListener("htmx:before:swap", (event) => {
    if (event.detail.ctx.sourceElement?.id !== "live") return;
    const arrived = event.detail.tasks.find((task) => task.type === "main");
    if (!arrived) return;
    const count = arrived.fragment.querySelectorAll("tr").length;
    if (!byId("log-rows")) {
      if (count) location.reload();
      return;
    }
    if (reading() && byId("held-rows")) arrived.target = byId("held-rows");
    announce(count);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (
      event.detail.ctx.sourceElement?.id === "live" ||
      event.detail.ctx.target?.id === "log-rows"
    ) {
      showBar();
      trim();
    }
  });
  window.addEventListener(
    "scroll",
    () => {
      if (!reading()) release();
    },
    { passive: true },
  );

  const words = (n) => `${n.toLocaleString("en-US")} new ${n === 1 ? "event" : "events"}`;

  function showBar() {
    const bar = byId("new-events");
    const count = byId("held-rows")?.childElementCount ?? 0;
    if (!bar) return;
    bar.hidden = !count;
    bar.textContent = `↑ ${words(count)}`;
  }

  function release() {
    const held = byId("held-rows");
    if (!held?.childElementCount) return;
    byId("log-rows").prepend(...held.children);
    showBar();
    trim();
  }

  function trim() {
    for (const row of rows().slice(MOST_ROWS)) row.remove();
  }

  // At most once in ten seconds, and then of all that came in them.
  function announce(count) {
    if (count && !unannounced) {
      setTimeout(sayHowMany, Math.max(0, announced + ANNOUNCE_MS - Date.now()));
    }
    unannounced += count;
  }

  function sayHowMany() {
    byId("announce").textContent = words(unannounced);
    announced = Date.now();
    unannounced = 0;
  }

  // ---- download: each time that the menu opens, another export may be asked for ----
  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.id !== "download-menu" || event.newState !== "open") return;
      const random = crypto.getRandomValues(new Uint8Array(16));
      event.target.querySelector("[name=once]").value = Array.from(random, (byte) =>
        byte.toString(16).padStart(2, "0"),
      ).join("");
    },
    { capture: true },
  );

  // ---- columns: the table asks for itself again ----
  document.addEventListener("table-changed", () => {
    const density = document.querySelector("#columns-menu input[name=density]:checked")?.value;
    if (density) document.documentElement.dataset.density = density;
    htmx.ajax("GET", location.pathname + location.search, {
      target: "#results",
      swap: "outerHTML",
    });
  });

  // ---- the bars' tip ----
  function showTip(event) {
    const bar = event.target.closest?.(".hist a");
    const tip = document.querySelector(".hist .tip");
    if (!tip) return;
    tip.hidden = !bar;
    if (!bar) return;
    const [when, counts] = bar.getAttribute("aria-label").split(/: (?=[\d,]+ success)/);
    const [success, error] = counts.split(", ").map((text) => text.split(" ")[0]);
    tip.replaceChildren(
      line("b", when),
      pair("ok", "Success", success),
      pair("er", "Error", error),
      line("span", "Press to see this time"),
    );
    const chart = tip.parentElement.getBoundingClientRect();
    const box = bar.getBoundingClientRect();
    const left = box.left - chart.left + box.width + 8;
    tip.style.left = `${left + 200 > chart.width ? box.left - chart.left - 208 : left}px`;
  }

  function line(tag, text) {
    const made = document.createElement(tag);
    made.className = tag === "b" ? "fw-600 num" : "sub";
    made.textContent = text;
    return made;
  }

  function pair(kind, name, value) {
    const row = line("span", "");
    row.className = "d-flex num";
    const legend = line("span", name);
    legend.className = `legend ${kind}`;
    const number = line("span", value);
    number.className = "ms-auto";
    row.append(legend, number);
    return row;
  }

  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, showTip);
})();

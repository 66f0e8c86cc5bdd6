// Dragging over the bars narrows the period to them; so do Shift and arrows, and then Enter.
(() => {
  const SLACK = 4;
  const byId = (id) => document.getElementById(id);
  const chartOf = (element) => element?.closest?.(".hist[data-spans]");
  let range = null; // {chart, spans, first, last, pointer, x, shown}
  let swallowed = false;

  const centre = (element) => {
    const { left, width } = element.getBoundingClientRect();
    return left + width / 2;
  };

  function barAt({ chart, spans }, x) {
    const { left, width } = chart.getBoundingClientRect();
    const place = Math.floor(((x - left) / width) * spans.length);
    return Math.max(0, Math.min(place, spans.length - 1));
  }

  function begin(chart, x, pointer) {
    range = { chart, spans: JSON.parse(chart.dataset.spans), pointer, x, shown: false };
    range.first = range.last = barAt(range, x);
  }

  const ordered = () => [range.first, range.last].sort((a, b) => a - b);

  function draw() {
    const { chart, spans } = range;
    const [low, high] = ordered();
    let mark = chart.querySelector(".hist-range");
    if (!mark) {
      mark = document.createElement("div");
      mark.className = "hist-range";
      mark.append(document.createElement("span"));
      chart.append(mark);
    }
    const [from, to] = [spans[low][1], spans[high][2]];
    mark.style.left = `${(low / spans.length) * 100}%`;
    mark.style.width = `${((high - low + 1) / spans.length) * 100}%`;
    mark.classList.toggle("at-end", (low + high) / 2 > spans.length / 2);
    mark.firstChild.textContent = from === to ? from : `${from} – ${to}`;
    range.shown = true;
    chart.querySelector(".tip").hidden = true;
  }

  function end() {
    range?.chart.querySelector(".hist-range")?.remove();
    range = null;
  }

  function choose() {
    const { chart, spans } = range;
    const [low, high] = ordered();
    const asked = new URLSearchParams(byId("results").dataset.query);
    asked.delete("range");
    asked.set("from", spans[low][0]);
    asked.set("to", spans[high + 1]?.[0] ?? chart.dataset.end);
    end();
    const url = `${byId("filters").getAttribute("action")}?${asked}`;
    htmx.ajax("GET", url, { source: chart, target: "#results", swap: "outerHTML", push: "true" });
  }

  // ---- by mouse and touch ----
  document.addEventListener("pointerdown", (event) => {
    swallowed = false;
    const chart = chartOf(event.target);
    if (chart && event.button === 0 && event.isPrimary) {
      begin(chart, event.clientX, event.pointerId);
    }
  });
  document.addEventListener("pointermove", (event) => {
    if (range?.pointer !== event.pointerId) return;
    if (!range.shown && Math.abs(event.clientX - range.x) < SLACK) return;
    if (!range.shown) range.chart.setPointerCapture(event.pointerId);
    range.last = barAt(range, event.clientX);
    draw();
  });
  document.addEventListener("pointerup", (event) => {
    if (range?.pointer !== event.pointerId) return;
    swallowed = range.shown;
    if (range.shown) choose();
    else end();
  });
  document.addEventListener("pointercancel", end);
  // A drag is no click on the bar where it ends, and no link is dragged away.
  document.addEventListener(
    "click",
    (event) => {
      if (!swallowed || !event.target.closest?.(".hist")) return;
      swallowed = false;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
  document.addEventListener("dragstart", (event) => {
    if (chartOf(event.target)) event.preventDefault();
  });

  // ---- by keys ----
  function extend(bar, step) {
    if (range?.pointer !== undefined || !range?.shown) begin(chartOf(bar), centre(bar));
    range.last = Math.max(0, Math.min(range.last + step, range.spans.length - 1));
    draw();
    byId("announce").textContent = range.chart.querySelector(".hist-range").textContent;
  }

  document.addEventListener(
    "keydown",
    (event) => {
      const bar = chartOf(event.target) && event.target.closest("a");
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const plain = !(event.ctrlKey || event.metaKey || event.altKey);
      if (bar && step && event.shiftKey && plain) extend(bar, step);
      else if (!range?.shown || event.key === "Shift") return;
      else if (event.key === "Escape") {
        swallowed = true;
        end();
      } else if (event.key === "Enter" && bar) choose();
      else return end();
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
  document.addEventListener("focusout", (event) => {
    if (range?.shown && range.pointer === undefined && chartOf(event.target)) end();
  });
})();

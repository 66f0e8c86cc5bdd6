// Bars, views, chips, buttons in a row: one tab stop each, within which arrows, Home and End move.
(() => {
  const ITEMS = "a[href], button, summary";
  const isShown = (item) => item.checkVisibility({ visibilityProperty: true }) && !item.disabled;
  // A menu has its own order, and so has a group within a group.
  const groupOf = (item) => item.closest("[data-arrows], [popover]");
  const allOf = (group) =>
    [...group.querySelectorAll(ITEMS)].filter((item) => groupOf(item) === group);
  const itemsOf = (group) => allOf(group).filter(isShown);
  // Where the focus was last, for what it was on may be swapped out from under it.
  let last = null;

  function use(group, chosen) {
    for (const item of allOf(group)) {
      const tabIndex = item === chosen ? 0 : -1;
      if (item.getAttribute("tabindex") !== String(tabIndex)) {
        item.setAttribute("tabindex", tabIndex);
      }
    }
  }

  function setUp() {
    for (const group of document.querySelectorAll("[data-arrows]")) {
      const items = itemsOf(group);
      const kept = items.find((item) => item.getAttribute("tabindex") === "0");
      use(group, kept ?? items.find((item) => item.ariaCurrent) ?? items[0]);
    }
  }

  function keepFocus() {
    if (!last || last.item.isConnected || document.activeElement !== document.body) return;
    const group = document.getElementById(last.home)?.matches("[data-arrows]");
    const items = group ? itemsOf(document.getElementById(last.home)) : [];
    const item = items[Math.min(last.place, items.length - 1)];
    (item ?? document.getElementById("results"))?.focus({ preventScroll: true });
    if (!item) last = null;
  }

  document.addEventListener("focusin", (event) => {
    const group = groupOf(event.target);
    const item = event.target.closest(ITEMS);
    last = null;
    if (!group?.matches("[data-arrows]") || !item) return;
    use(group, item);
    const home = group.closest("[id]")?.id;
    last = { item, home, place: itemsOf(group).indexOf(item) };
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const group = event.target.closest && groupOf(event.target);
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!group?.matches("[data-arrows]") || !step || !event.target.matches(ITEMS)) return;
    event.preventDefault();
    const items = itemsOf(group);
    const place = items.indexOf(event.target) + step;
    items[Math.max(0, Math.min(place, items.length - 1))]?.focus();
  });

  // What a skip link leads to may have nothing to focus: then its address does, as without scripts.
  document.addEventListener("click", (event) => {
    const wanted = event.target.closest("[data-skip]")?.dataset.skip;
    const target = wanted && document.querySelector(wanted);
    if (!target) return;
    event.preventDefault();
    target.focus();
  });

  document.addEventListener("htmx:after:swap", () => {
    setUp();
    keepFocus();
  });
  window.addEventListener("resize", setUp);
  setUp();
})();

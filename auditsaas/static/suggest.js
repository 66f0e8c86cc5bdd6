// The search box as a combobox: the server suggests, arrow keys choose, Tab or Enter takes.
(() => {
  let asked = "";
  let answered = null;
  const box = () => document.getElementById("q");
  const list = () => document.getElementById("q-suggestions");
  // What was suggested for another text is no longer offered to the keys.
  const options = () =>
    answered === box().value ? [...(list()?.querySelectorAll("[role=option]") ?? [])] : [];
  const before = () => box().value.slice(0, box().selectionStart);
  const current = () => list()?.querySelector("[aria-selected=true]");

  function choose(option) {
    current()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) box().setAttribute("aria-activedescendant", option.id);
    else box().removeAttribute("aria-activedescendant");
  }

  function close() {
    list()?.replaceChildren();
    if (!box()) return;
    box().ariaExpanded = "false";
    box().removeAttribute("aria-activedescendant");
  }

  function take(option) {
    const { text, start, end } = option.dataset;
    const value = box().value;
    // A key or a comparison is only the beginning of a term.
    const ends = /[:<>=]$/.test(text) ? "" : " ";
    const rest = value.slice(Number(end)).replace(/^ /, "");
    box().value = value.slice(0, Number(start)) + text + ends + rest;
    const at = Number(start) + text.length + ends.length;
    box().setSelectionRange(at, at);
    close();
    box().dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("htmx:config:request", (event) => {
    const { sourceElement, sourceEvent, request } = event.detail.ctx;
    if (sourceElement.id !== "q-suggestions") return;
    request.body.append("at", String(box().selectionStart));
    asked = box().value;
    // Where no term begins, no list hides the rows, unless it is asked for by the arrow key.
    if (!/\S$/.test(before()) && sourceEvent.type !== "ask") {
      event.preventDefault();
      close();
    }
  });

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.target?.id !== "q-suggestions") return;
    answered = asked;
    if (document.activeElement !== box() || (asked && !box().value)) close();
    else box().ariaExpanded = String(options().length > 0);
  });

  document.addEventListener(
    "keydown",
    (event) => {
      if (event.target !== box()) return;
      if (!options().length) {
        if (event.key === "ArrowDown" && list()) htmx.trigger(list(), "ask");
        if (event.key === "Enter") close();
        return;
      }
      const all = options();
      const at = all.indexOf(current());
      if (event.key === "ArrowDown") choose(all[(at + 1) % all.length]);
      else if (event.key === "ArrowUp") choose(all[(at - 1 + all.length) % all.length]);
      else if (current() && (event.key === "Enter" || event.key === "Tab")) take(current());
      else if (event.key === "Escape") {
        close();
        event.stopImmediatePropagation();
      } else {
        if (event.key === "Enter") close();
        return;
      }
      event.preventDefault();
    },
    { capture: true },
  );

  document.addEventListener("pointerdown", (event) => {
    const option = event.target.closest("#q-suggestions [role=option]");
    if (!option) return;
    event.preventDefault();
    if (options().length) take(option);
  });
  document.addEventListener("search-shown", close);
  document.addEventListener("focusout", (event) => {
    if (event.target === box()) close();
  });
})();

// Every page: the CSRF token, busy regions, copy, close, theme, the bell.
(() => {
  const byId = (id) => document.getElementById(id);

  // The second row scrolls where it is wider than the page; its current page is in view.
  const row = document.querySelector(".subnav ul");
  const here = row?.querySelector("[aria-current]");
  if (here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;

  // A <details> stays as the person left it when its content is morphed, and so does what an element
  // says it keeps.
  const keeps = (element, name) =>
    (name === "open" && element.matches("details")) ||
    element.dataset.keep?.split(" ").includes(name);
  htmx.registerExtension("keep-open", {
    htmx_before_morph_attr: (element, detail) => !keeps(element, detail.attrName),
  });

  document.addEventListener("htmx:config:request", (event) => {
    const { request, sourceElement } = event.detail.ctx;
    if (request.method !== "GET") {
      request.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf-token]").content;
      return;
    }
    // The address is the state: counts, facets and bars describe what it says.
    if (sourceElement.hasAttribute("data-follow-url")) {
      request.action = request.action.split("?")[0] + location.search;
      request.body = new FormData();
      return;
    }
    const filled = [...request.body].filter(([, value]) => value !== "");
    request.body = new FormData();
    for (const [name, value] of filled) request.body.append(name, value);
  });

  const busy = (event, on) => {
    const target = event.detail.ctx.target;
    if (target instanceof Element && target.id === "results") target.ariaBusy = on ? "true" : null;
  };
  document.addEventListener("htmx:before:request", (event) => busy(event, true));
  document.addEventListener("htmx:finally:request", (event) => busy(event, false));

  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx.target;
    if (target?.id === "bell-menu") byId("bell-menu").showPopover({ source: byId("bell") });
    // The formats learn their size in the open menu; it closes when an export was asked for.
    const asked = event.detail.ctx.sourceElement.closest?.("#download-menu");
    if (asked && target?.id === "toasts") byId("download-menu").hidePopover();
  });

  // A form acts once; the server holds that too, and for browsers that run no scripts alone.
  const DOUBLE_CLICK_MS = 700;
  document.addEventListener(
    "submit",
    (event) => {
      const { dataset, method } = event.target;
      if (method !== "post") return;
      if (Date.now() - Number(dataset.sent ?? 0) > DOUBLE_CLICK_MS) {
        dataset.sent = Date.now();
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );

  // An answer may be what is wrong with it, to be mended and sent at once.
  document.addEventListener("htmx:after:request", (event) => {
    delete event.detail.ctx.sourceElement.dataset.sent;
  });

  // Asked again who one is: the question comes in place of the answer, and holds what was sent.
  document.addEventListener("htmx:after:request", (event) => {
    const { hx, response, text } = event.detail.ctx;
    if (response.status !== 401 || hx.retarget !== "#dialog") return;
    event.preventDefault();
    byId("dialog").innerHTML = text;
    byId("dialog").querySelector("dialog").showModal();
  });

  // What asks again and again asks only while it is looked at, and at once when it is again.
  document.addEventListener("htmx:before:request", (event) => {
    const { sourceElement } = event.detail.ctx;
    if (document.hidden && sourceElement.matches?.("[data-polls]")) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("[data-polls]")) htmx.trigger(element, "every");
  });

  // A file that was asked for is there: it is fetched, and the page stays.
  document.addEventListener("file-ready", (event) => {
    const link = document.createElement("a");
    link.href = event.detail.address;
    link.download = "";
    link.click();
  });

  // An explanation that covers something goes by Esc, and comes again with the next look at it.
  document.addEventListener(
    "keydown",
    (event) => {
      const shown = document.querySelector(".explain:not(.put-away):is(:hover, :focus-within)");
      if (event.key !== "Escape" || !shown) return;
      event.stopPropagation();
      shown.classList.add("put-away");
      const back = () => shown.classList.remove("put-away");
      for (const gone of ["pointerleave", "focusout"]) {
        shown.addEventListener(gone, back, { once: true });
      }
    },
    { capture: true },
  );

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    byId("announce").textContent = "Copied";
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      event.preventDefault();
      copy(button);
    }
    event.target.closest("[data-close=toast]")?.closest(".toast").remove();
  });

  document.addEventListener(
    "submit",
    (event) => {
      if (!event.target.matches("[data-theme-form]")) return;
      const field = event.target.elements.theme;
      const theme = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
      field.value = theme;
      document.documentElement.dataset.theme = document.documentElement.dataset.bsTheme = theme;
    },
    { capture: true },
  );
})();

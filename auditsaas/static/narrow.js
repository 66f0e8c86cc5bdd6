// A value of a row to filter by or to exclude: under the pointer, or of the row in focus by a key.
(() => {
  const CELLS = {
    "c-act": "activity",
    "c-st": "status",
    "c-us": "user",
    "c-ua": "platform",
    "c-ip": "ip",
    "c-ws": "workspace",
    "c-so": "source",
  };
  const byId = (id) => document.getElementById(id);
  const holder = () => byId("cell-values");
  let shown = "";
  let chosen = false;

  // ---- what a row says, by the names of filters ----
  function valuesOf(row) {
    const words = (selector) => row.querySelector(selector)?.firstChild?.textContent.trim();
    const kept = (selector) => row.querySelector(selector)?.dataset.v;
    const path = row.querySelector("a").pathname.split("/");
    const failed = row.querySelector(".c-st .st-err");
    const found = [
      ["activity", kept(".c-act"), words(".c-act a")],
      ["method", words(".verb"), words(".verb")],
      ["status", failed ? "error" : "success", words(".c-st .st")],
      ["user", kept(".c-us"), words(".who")],
      ["platform", words(".c-ua"), words(".c-ua")],
      ["ip", words(".c-ip"), words(".c-ip")],
      ["workspace", path[1] === "w" ? path[2] : path[3], words(".c-ws")],
      ["source", kept(".c-so"), row.querySelector(".c-so")?.textContent.trim()],
    ];
    return found.filter(([, value, text]) => value && text);
  }

  // ---- the log by one value alone, or without it ----
  function address(name, value, excluded) {
    const asked = new URLSearchParams(byId("results").dataset.query);
    if (excluded) {
      const plain = /[\s",]/.test(value) ? `"${value.replace(/[\\"]/g, "\\$&")}"` : value;
      asked.set("q", `${asked.get("q") ?? ""} -${name}:${plain}`.trim());
    } else {
      asked.delete(name);
      asked.append(name, value);
    }
    return `${byId("filters").getAttribute("action")}?${asked}`;
  }

  function links([name, value, text]) {
    const made = byId("narrow-links").content.cloneNode(true);
    const title = JSON.parse(holder().dataset.titles)[name];
    for (const link of made.querySelectorAll("a")) {
      const url = address(name, value, link.hasAttribute("data-exclude"));
      link.href = url;
      link.setAttribute("hx-get", url);
      link.ariaLabel = `${link.title} ${title} ${text}`;
    }
    return made;
  }

  // ---- under the pointer: the row's link lies over its cells, so they are found by the place ----
  // A click opens the row, so nothing appears where the pointer is, nor in the middle of a cell.
  function hide() {
    shown = "";
    if (holder()) holder().hidden = true;
  }

  function show(row, x, y) {
    const under = document.elementsFromPoint(x, y);
    const cell = under.find((element) => element.matches(".verb:not(:empty), .log td"));
    const isVerb = cell?.matches(".verb");
    const name = isVerb ? "method" : CELLS[cell?.classList[0]];
    const value = valuesOf(row).find(([known]) => known === name);
    if (!value) return hide();
    if (shown === `${row.id} ${name}`) return;
    shown = `${row.id} ${name}`;
    const place = holder();
    place.replaceChildren(links(value));
    for (const link of place.children) link.tabIndex = -1;
    htmx.process(place);
    place.hidden = false;
    const box = (name === "activity" ? cell.querySelector(".act") : cell).getBoundingClientRect();
    const beside = isVerb || name === "activity";
    const { width, height } = place.getBoundingClientRect();
    const whole = cell.closest("td").getBoundingClientRect();
    const left = Math.max(
      beside ? box.right + 4 : box.right - width - 4,
      isVerb ? 0 : (whole.left + whole.right) / 2 + 4,
    );
    const top = box.top + (beside ? box.height / 2 : 16) - height / 2;
    const isUnder = x >= left && x <= left + width && y >= top && y <= top + height;
    if (isUnder || left + width > whole.right) return hide();
    place.style.left = `${left}px`;
    place.style.top = `${top}px`;
  }

  document.addEventListener("pointermove", ({ target, pointerType, buttons, clientX, clientY }) => {
    if (!holder() || pointerType !== "mouse" || buttons || target.closest?.("#cell-values")) return;
    const row = target.closest?.("#log-rows > tr");
    if (!row) hide();
    else requestAnimationFrame(() => row.isConnected && show(row, clientX, clientY));
  });
  document.addEventListener("scroll", hide, { capture: true, passive: true });

  // ---- of the row in focus: a menu of all that it says ----
  function openMenu() {
    const row =
      document.activeElement?.closest("#log-rows > tr") ??
      document.querySelector("#log-rows > tr[aria-selected=true]");
    const menu = byId("row-values");
    if (!row || !menu) return;
    hide();
    menu.querySelector("dl").replaceChildren(
      ...valuesOf(row).flatMap((value) => {
        const name = document.createElement("dt");
        name.textContent = JSON.parse(holder().dataset.titles)[value[0]];
        const line = document.createElement("dd");
        const acts = document.createElement("span");
        acts.className = "acts";
        acts.append(links(value));
        line.append(value[2], acts);
        return [name, line];
      }),
    );
    htmx.process(menu);
    menu.showPopover();
    menu.querySelector("a").focus();
  }
  document.addEventListener("ask-values", openMenu);

  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 2, ArrowUp: -2 }[event.key];
    const menu = step && event.target.closest?.("#row-values");
    if (!menu) return;
    event.preventDefault();
    const all = [...menu.querySelectorAll("a")];
    all[all.indexOf(event.target) + step]?.focus();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#row-values a, #cell-values a")) return;
    chosen = !!event.target.closest("#row-values");
    if (chosen) byId("row-values").hidePopover();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.target?.id !== "results") return;
    hide();
    if (chosen) byId("results").focus({ preventScroll: true });
    chosen = false;
  });
})();

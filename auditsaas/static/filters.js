// The filter panel: find-and-add, the range and its calendar, the panel as a sheet.
(() => {
  const byId = (id) => document.getElementById(id);
  const form = () => byId("filters");

  // ---- find and add: picking a value ticks it in the list above ----
  function addSelects(root) {
    for (const select of root.querySelectorAll("select.ts:not(.tomselected)")) addSelect(select);
  }

  function addSelect(select) {
    // Only the tick it makes is a change of the filter; typing into it is none.
    select.closest(".find").addEventListener("change", (event) => event.stopPropagation());
    const url = select.dataset.url;
    const field = new TomSelect(select, {
      placeholder: select.dataset.placeholder,
      hidePlaceholder: false,
      maxOptions: 100,
      closeAfterSelect: false,
      searchField: ["text", "value", "sub"],
      onDropdownOpen: (list) => list.scrollIntoView({ block: "nearest" }),
      onItemAdd: (value) => tick(field, select, value),
      render: { option: describe, no_results: () => nothing() },
      // The server has chosen already, perhaps by what is not shown.
      ...(url && {
        preload: "focus",
        score: () => () => 1,
        load: (text, done) => {
          field.clearOptions();
          find(url, text, done);
        },
        shouldLoad: () => true,
      }),
    });
  }

  async function find(url, text, done) {
    const address = new URL(url, location.href);
    address.searchParams.set("term", text);
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    done(answer.ok ? await answer.json() : []);
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text ?? "";
    return made;
  }

  function describe(option) {
    const row = element("div", "find-option");
    const name = element("span", "t", option.text);
    for (const sub of [option.sub, option.standing]) {
      if (sub) name.append(element("span", "sub d-block text-truncate", sub));
    }
    row.append(name, element("span", "sub num", option.count));
    return row;
  }

  const nothing = () => element("div", "no-results", "Nothing by that name");

  function tick(field, select, value) {
    const option = field.options[value];
    const box = element("input", "form-check-input");
    Object.assign(box, { type: "checkbox", name: select.name, value, checked: true });
    const label = element("label", "opt");
    label.append(box, element("span", "t", option.text));
    const item = document.createElement("li");
    item.append(label);
    select.closest(".facet").querySelector("ul").append(item);
    field.clear(true);
    field.removeOption(value, true);
    box.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // The server's markup replaces a find field, unless it is being typed into.
  document.addEventListener("htmx:before:swap", (event) => {
    if (event.detail.ctx.target?.id !== "facets") return;
    for (const select of document.querySelectorAll("#facets select.tomselected")) {
      const holder = select.closest(".find");
      if (holder.contains(document.activeElement)) holder.setAttribute("hx-morph-skip", "");
      else {
        holder.removeAttribute("hx-morph-skip");
        select.tomselect.destroy();
      }
    }
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const { target, sourceElement } = event.detail.ctx;
    if (target === document.body) addSelects(document);
    if (target?.id === "facets") {
      // A tick made while the answer was on its way is kept; otherwise the address decides.
      if (!byId("results").classList.contains("htmx-request")) {
        for (const box of document.querySelectorAll("#facets input[type=checkbox]")) {
          box.checked = box.defaultChecked;
        }
      }
      addSelects(byId("facets"));
    }
    if (target?.id === "count") showCount();
    if (target?.id === "results" && sourceElement !== form()) {
      byId("q").value = new URLSearchParams(location.search).get("q") ?? "";
    }
    byId("q")?.classList.toggle("is-invalid", !!byId("q-error").childElementCount);
    if (byId("q")) byId("q").ariaInvalid = byId("q-error").childElementCount ? "true" : null;
  });

  function showCount() {
    const count = document.querySelector("#count [data-count]");
    if (count) byId("filters-show").textContent = `Show ${count.textContent.trim()} events`;
  }

  // ---- range ----
  const patterns = { "MM/DD/YYYY": [1, 2, 0], "DD/MM/YYYY": [2, 1, 0], "YYYY-MM-DD": [0, 1, 2] };

  function typed(iso, format) {
    const parts = iso.split("-");
    return patterns[format].map((i) => parts[i]).join(format.includes("/") ? "/" : "-");
  }

  function iso(text, format) {
    const found = text.trim().match(/^(\d{1,4})[/-](\d{1,2})[/-](\d{1,4})/);
    if (!found) return "";
    const parts = [];
    const order = /^\d{4}-/.test(text.trim()) ? [0, 1, 2] : patterns[format];
    order.forEach((place, i) => {
      parts[place] = found[i + 1].padStart(place ? 2 : 4, "0");
    });
    return parts.join("-");
  }

  const chooseCustom = () => {
    const custom = document.querySelector("#presets input[value=custom]");
    if (custom) custom.checked = true;
  };

  document.addEventListener("change", (event) => {
    const pop = event.target.closest("#range-pop");
    if (!pop) return;
    if (event.target.name === "range" && event.target.value !== "custom") {
      byId("r-from").value = byId("r-to").value = "";
      if (pop.dataset.pointer) form().requestSubmit();
    }
  });
  // With arrow keys the radios are only passed; a click, Enter or Apply applies.
  document.addEventListener("pointerdown", (event) => {
    const pop = byId("range-pop");
    if (pop) pop.dataset.pointer = event.target.closest("#presets") ? "1" : "";
  });
  document.addEventListener("keydown", (event) => {
    const pop = event.target.closest?.("#range-pop");
    if (!pop) return;
    pop.dataset.pointer = "";
    if (event.key === "Enter" && event.target.matches("input")) {
      event.preventDefault();
      form().requestSubmit();
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("#r-from, #r-to")) chooseCustom();
  });
  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    byId("range-pop").hidePopover();
    closeSheet();
  });

  async function showCalendar() {
    const pop = byId("range-pop");
    const place = byId("calendar");
    if (!customElements.get("calendar-range")) await import(place.dataset.src);
    if (!place.querySelector("calendar-range")) {
      place.append(place.querySelector("template").content.cloneNode(true));
      place.querySelector("calendar-range").addEventListener("change", useCalendar);
    }
    const calendar = place.querySelector("calendar-range");
    const from = iso(byId("r-from").value, pop.dataset.format);
    const to = iso(byId("r-to").value, pop.dataset.format);
    calendar.today = calendar.max = pop.dataset.today;
    calendar.value = from && to ? `${from}/${to}` : "";
    calendar.focusedDate = monthBefore(from || pop.dataset.today);
  }

  function useCalendar(event) {
    const { format } = byId("range-pop").dataset;
    const [from, to] = event.target.value.split("/");
    byId("r-from").value = typed(from, format);
    byId("r-to").value = typed(to, format);
    chooseCustom();
  }

  function monthBefore(day) {
    const date = new Date(`${day.slice(0, 7)}-15T00:00:00Z`);
    date.setUTCMonth(date.getUTCMonth() - 1);
    return date.toISOString().slice(0, 10);
  }

  document.addEventListener(
    "toggle",
    (event) => {
      if (event.target.id === "range-pop" && event.newState === "open") showCalendar();
    },
    { capture: true },
  );

  // ---- the panel as a sheet (narrow windows), or hidden (wide ones) ----
  function openSheet() {
    form().classList.add("open");
    for (const other of document.querySelectorAll(".topbar, #content")) other.inert = true;
    byId("filters-close").focus();
  }

  function closeSheet() {
    if (!form()?.classList.contains("open")) return;
    form().classList.remove("open");
    for (const other of document.querySelectorAll(".topbar, #content")) other.inert = false;
    byId("filters-open").focus();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#filters-open")) {
      event.preventDefault();
      openSheet();
    }
    if (event.target.closest("#filters-close")) {
      event.preventDefault();
      closeSheet();
    }
    const hide = event.target.closest("#filters-hide, #filters-unhide");
    if (hide) {
      const hidden = document.querySelector(".shell").classList.toggle("no-filters");
      byId(hidden ? "filters-unhide" : "filters-hide").focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector(":popover-open")) closeSheet();
  });

  document.addEventListener("DOMContentLoaded", () => addSelects(document));
})();

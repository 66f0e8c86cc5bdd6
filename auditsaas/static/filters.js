// The filter panel: what was applied, the range and its calendar, the panel as a sheet.
(() => {
  const byId = (id) => document.getElementById(id);
  const form = () => byId("filters");
  const phone = matchMedia("(max-width: 767.98px)");

  // ---- the address says what is shown, also where the log opened by itself ----
  const opened = byId("results")?.dataset.address;
  if (opened && !location.search) history.replaceState(history.state, "", opened + location.hash);

  // ---- the form says what was applied ----
  const applied = () => new URLSearchParams(byId("results").dataset.query);
  let sentSearch = "";

  // What is being typed stays, and so does a period that was not applied yet.
  function showApplied({ typing = false } = {}) {
    const asked = applied();
    const range = asked.get("range") ?? (asked.has("from") || asked.has("to") ? "custom" : "all");
    const places = {};
    addMissing(asked);
    for (const field of form().elements) {
      const { name, type, value } = field;
      if (field.matches(".no-js") || (typing && field.matches("#q, [name=from], [name=to]")))
        continue;
      if (type === "checkbox") field.checked = asked.getAll(name).includes(value);
      else if (type === "radio") {
        if (!typing) field.checked = value === range;
      } else if (field.matches("input:not([name=tab])")) {
        places[name] = (places[name] ?? -1) + 1;
        if (typing && field === document.activeElement) continue;
        field.value = asked.getAll(name)[places[name]] ?? "";
      }
    }
  }

  // A term may have become a value that the panel does not list yet; the facets bring its words.
  function addMissing(asked) {
    for (const [name, value] of asked) {
      const list = document.querySelector(`#facet-${name} ul`);
      if (list && !list.querySelector(`input[value="${CSS.escape(value)}"]`)) {
        const box = Object.assign(document.createElement("input"), {
          type: "checkbox",
          className: "form-check-input",
          name,
          value,
        });
        const words = Object.assign(document.createElement("span"), {
          className: "t",
          textContent: value,
        });
        const label = Object.assign(document.createElement("label"), { className: "opt" });
        label.append(box, words);
        list.appendChild(document.createElement("li")).append(label);
      }
    }
    const empty = byId("ip-new");
    for (
      let n = document.querySelectorAll("#facets [name=ip]").length;
      n < asked.getAll("ip").length;
      n++
    ) {
      const more = empty.cloneNode();
      more.id = `ip-${n}`;
      empty.before(more);
    }
  }

  // The search is left with what no filter says; what was typed since it was sent follows.
  function showSearch(sent) {
    const box = byId("q");
    const rest = applied().get("q") ?? "";
    if (!box.value.startsWith(sent) || rest === sent.trim()) return;
    const since = box.value.slice(sent.length).trimStart();
    box.value =
      rest && (since || document.activeElement === box) ? `${rest} ${since}` : rest + since;
    if (!since) document.dispatchEvent(new Event("search-shown"));
  }

  document.addEventListener("htmx:config:request", (event) => {
    const { sourceElement, sourceEvent } = event.detail.ctx;
    if (sourceElement !== form()) return;
    const box = byId("q");
    // What was applied or refused already is not asked again on the way to a link about it, which
    // the answer would take away under the pointer.
    const refused = box.ariaInvalid === "true" && box.value === sentSearch;
    const unchanged = refused || box.value.trim() === (applied().get("q") ?? "");
    if (sourceEvent?.type === "blur" && unchanged) event.preventDefault();
    // A term is run when it is finished: by a space, Enter, a pick, or by leaving the box.
    if (sourceEvent?.type === "input" && isTypingTerm(box)) event.preventDefault();
    if (!event.defaultPrevented) sentSearch = box.value;
  });

  function isTypingTerm({ value, selectionStart: at }) {
    const begins = value.slice(0, at).match(/(?:"(?:[^"\\]|\\.)*(?:"|$)|[^\s"])*$/)[0];
    return /^-?[A-Za-z_]+(?:\.[^\s:",]*)?:(?!\/\/)|^-?"|^-$/.test(begins);
  }

  document.addEventListener("request-failed", (event) => {
    const { target } = event.detail.ctx;
    if (target?.id === "results" && form()) showApplied();
    if (target?.id === "count") target.replaceChildren(...unread("Not counted"));
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const { target, sourceElement } = event.detail.ctx;
    if (!form()) return;
    if (target?.id === "facets" && !byId("results").classList.contains("htmx-request")) {
      // A tick made while the answer was on its way is kept; otherwise the address decides.
      for (const box of document.querySelectorAll("#facets input[type=checkbox]")) {
        box.checked = box.defaultChecked;
      }
    }
    if (target?.id === "count") showCount();
    if (target?.id === "results") {
      if (sourceElement !== form()) showApplied();
      else if (sentSearch.trim() !== (applied().get("q") ?? "")) {
        showApplied({ typing: true });
        showSearch(sentSearch);
      }
      closeRange();
    }
    // Where an answer of a status of its own belongs is a selector still.
    if (target === "#q-error") nothingRun();
    const wrong = !!byId("q-error").querySelector("[data-field=q]");
    byId("q").classList.toggle("is-invalid", wrong);
    byId("q").ariaInvalid = wrong ? "true" : null;
  });

  function showCount() {
    const count = document.querySelector("#count [data-count]");
    const number = count ? ` ${count.textContent.trim()}` : "";
    byId("filters-show").textContent = `Show${number} events`;
  }

  // ---- what narrows the open view leaves it open, changed ----
  document.addEventListener("htmx:config:request", (event) => {
    const { request, sourceElement, target } = event.detail.ctx;
    const open = document.querySelector("input[name=tab]")?.value;
    if (target?.id !== "results" || !open) return;
    if (sourceElement.closest("#filters, #views, #view-state, [data-leaves-view]")) return;
    if (!/[?&](tab|view)=/.test(request.action)) request.body.append("tab", open);
  });

  // ---- numbers of the filter before say nothing of the new one ----
  // The count is read out once it is there, and what stands in its place is not.
  function unread(words) {
    const text = document.createElement("span");
    text.ariaHidden = "true";
    text.textContent = words;
    return [text];
  }

  function blank(words) {
    byId("count").replaceChildren(...unread(words));
    byId("step").textContent = byId("beside-count").textContent = "";
    for (const bar of document.querySelectorAll("#histogram a")) bar.remove();
    for (const text of document.querySelectorAll("#histogram .max, #histogram .hist-x span")) {
      text.textContent = "\u00a0";
    }
    for (const number of document.querySelectorAll("#facets .c")) number.textContent = "";
    for (const option of document.querySelectorAll("#facets .zero"))
      option.classList.remove("zero");
    showCount();
  }

  function nothingRun() {
    for (const id of ["count", "histogram", "facets"]) htmx.trigger(byId(id), "htmx:abort");
    blank("");
    const wrong = document.querySelector("#range-typed [aria-invalid]");
    if (!wrong) return;
    byId("range-pop").showPopover();
    wrong.focus();
  }

  document.addEventListener("filters-changed", () => blank("Counting"));

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
    // The popover stays until its dates are understood.
    if (event.target === form() && !byId("range-pop").matches(":popover-open")) closeSheet();
  });

  function closeRange() {
    const pop = byId("range-pop");
    if (!pop.matches(":popover-open")) return;
    pop.hidePopover();
    closeSheet();
  }

  async function showCalendar() {
    const pop = byId("range-pop");
    const place = byId("calendar");
    if (!customElements.get("calendar-range")) await import(place.dataset.src);
    if (!place.querySelector("calendar-range")) {
      place.append(place.querySelector("template").content.cloneNode(true));
      place.querySelector("calendar-range").addEventListener("change", useCalendar);
      place.querySelector("calendar-range").addEventListener("rangestart", useFirstDay);
    }
    const calendar = place.querySelector("calendar-range");
    const from = iso(byId("r-from").value, pop.dataset.format);
    const to = iso(byId("r-to").value, pop.dataset.format);
    const { today } = pop.dataset;
    const last = [to || from || today, today].sort()[0];
    calendar.today = calendar.max = today;
    calendar.value = from && to ? `${from}/${to}` : "";
    // The last month shown is that of the end: on a phone there is only one.
    calendar.months = phone.matches ? 1 : 2;
    calendar.focusedDate = phone.matches ? last : monthBefore(last);
  }

  function useCalendar(event) {
    const { format } = byId("range-pop").dataset;
    const [from, to] = event.target.value.split("/");
    byId("r-from").value = typed(from, format);
    byId("r-to").value = typed(to, format);
    chooseCustom();
  }

  function useFirstDay(event) {
    const { format } = byId("range-pop").dataset;
    byId("r-from").value = typed(event.detail.toISOString().slice(0, 10), format);
    byId("r-to").value = "";
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
  phone.addEventListener("change", () => {
    if (byId("range-pop")?.matches(":popover-open")) showCalendar();
  });

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
})();

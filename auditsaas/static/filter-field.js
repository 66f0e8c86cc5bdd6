// A field whose values are picked in a dialog beneath it: its two panes, its chips, its keys.
(() => {
  const field = (element) => element.closest?.("[data-filter-field]");
  const pickOf = (button) => document.getElementById(button.dataset.pick);
  const buttonOf = (pick) => document.querySelector(`[data-pick="${pick.id}"]`);
  const tabs = (pick) => [...pick.querySelectorAll("[role=tab]")];
  const inputs = (pane) => [...pane.querySelectorAll("input")];

  function toggle(pick, open) {
    pick.hidden = !open;
    buttonOf(pick).ariaExpanded = String(open);
    if (!open) {
      buttonOf(pick).focus();
      return;
    }
    const [first] = tabs(pick);
    if (first) show(pick, tabs(pick).find((tab) => tab.ariaSelected === "true") ?? first);
    else inputs(pick)[0]?.focus();
    // Values are counted once they are looked at.
    if (first) htmx.trigger(field(pick), "counts");
  }

  function show(pick, chosen) {
    for (const tab of tabs(pick)) {
      const is = tab === chosen;
      tab.ariaSelected = String(is);
      tab.tabIndex = is ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !is;
    }
    chosen.focus();
  }

  const paneOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  // Without scripts everything is open; an answer may bring the form anew.
  const prepared = new WeakSet();

  function prepare() {
    for (const button of document.querySelectorAll("[data-pick]")) {
      const pick = pickOf(button);
      if (prepared.has(pick)) continue;
      prepared.add(pick);
      pick.hidden = true;
      const chosen = tabs(pick).find((tab) => tab.ariaSelected === "true");
      for (const tab of tabs(pick)) paneOf(tab).hidden = tab !== chosen;
    }
    for (const pick of document.querySelectorAll("[data-people]")) showPeople(pick);
  }

  // ---- keys ----
  const step = { ArrowDown: 1, ArrowUp: -1 };

  function move(list, from, by) {
    list[(list.indexOf(from) + by + list.length) % list.length]?.focus();
  }

  document.addEventListener("keydown", (event) => {
    const pick = event.target.closest?.(".pick");
    if (!pick || !buttonOf(pick)) return;
    if (event.key === "Escape") toggle(pick, false);
    else if (event.target.role === "tab") keyOnTab(event, pick);
    else if (event.target.matches("input")) keyInPane(event, pick);
    else return;
    if (event.key === "Escape") event.preventDefault();
  });

  function keyOnTab(event, pick) {
    const all = tabs(pick);
    const at = all.indexOf(event.target);
    const to = { Home: 0, End: all.length - 1 }[event.key] ?? at + (step[event.key] ?? 0);
    if (to !== at) show(pick, all[(to + all.length) % all.length]);
    else if (["ArrowRight", "Enter", " "].includes(event.key)) {
      inputs(paneOf(event.target))[0]?.focus();
    } else return;
    event.preventDefault();
  }

  function keyInPane(event, pick) {
    const list = inputs(event.target.closest(".pick-pane, ul"));
    const isBox = event.target.type === "checkbox";
    if (event.key in step) move(list, event.target, step[event.key]);
    else if (event.key === "ArrowLeft" && isBox) {
      tabs(pick)
        .find((tab) => tab.ariaSelected === "true")
        ?.focus();
    } else if (event.key === "Enter") {
      if (!isBox) event.target.dispatchEvent(new Event("change", { bubbles: true }));
    } else return;
    event.preventDefault();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-pick]");
    if (button) toggle(pickOf(button), pickOf(button).hidden);
    const done = event.target.closest("[data-pick-done]");
    if (done) toggle(done.closest(".pick"), false);
    const tab = event.target.closest(".pick [role=tab]");
    if (tab) show(tab.closest(".pick"), tab);
    const clear = event.target.closest("[data-clear]");
    if (clear) remove(clear);
  });

  // ---- chips ----
  function remove(button) {
    const within = button.closest("[data-filter-field], [data-picked]");
    for (const part of within.querySelectorAll(`[data-field="${button.dataset.clear}"]`)) {
      for (const input of inputs(part)) {
        if (input.type === "checkbox") input.checked = false;
        else input.value = "";
      }
    }
    within.querySelector("[data-pick]").focus();
    within.dispatchEvent(new Event("change", { bubbles: true }));
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-filter-field] input:not([type=checkbox])")) {
      htmx.trigger(field(event.target), "typed");
    }
    if (event.target.matches("[data-people] [data-narrow]")) narrow(event.target);
  });

  // A saved view that was taken is in the controls from here on.
  let taken = false;
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-filter-field] [name=view]")) taken = true;
    const people = event.target.closest("[data-picked]")?.querySelector("[data-people]");
    if (people) showPeople(people);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const { target } = event.detail.ctx;
    if (!target?.matches?.("[data-filter-field]")) return;
    // A list may have moved beneath the ticks: the answer is to what was sent last, and says them.
    for (const input of target.querySelectorAll("input")) {
      input.checked = input.defaultChecked;
      if (taken) input.value = input.defaultValue;
    }
    if (taken) target.querySelector("select[name=view]").value = "";
    taken = false;
  });

  // ---- people: chips of those who are ticked, and a list that narrows as a name is typed ----
  function showPeople(pick) {
    const place = pick.closest("[data-picked]").querySelector("[data-chips]");
    for (const chip of place.querySelectorAll(".chip")) chip.remove();
    for (const box of pick.querySelectorAll("input[type=checkbox]:checked")) {
      const { name, field: id } = box.closest("li").dataset;
      place.lastElementChild.before(chip(name, id));
    }
  }

  function chip(name, id) {
    const made = document.createElement("span");
    made.className = "chip";
    const words = document.createElement("span");
    words.textContent = name;
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.clear = id;
    button.ariaLabel = `Remove ${name}`;
    button.append(document.getElementById("chip-x").content.cloneNode(true));
    made.append(words, button);
    return made;
  }

  function narrow(box) {
    const typed = box.value.trim().toLowerCase();
    for (const item of box.closest("[data-people]").querySelectorAll("li")) {
      item.hidden = !item.textContent.toLowerCase().includes(typed);
    }
  }

  prepare();
  document.addEventListener("htmx:after:swap", prepare);
})();

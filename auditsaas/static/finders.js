// Find and add: what was typed is what is chosen, and a choice ticks its value in the list above.
(() => {
  const PAUSE_MS = 120;
  const PATIENCE_MS = 15_000;
  const AWAY = "The server does not answer.";

  const folded = (text) =>
    String(text ?? "")
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .toLowerCase();

  // 3 for a beginning, 2 for the beginning of a word, 1 for a middle, 0 for nowhere.
  function fit(text, word) {
    let best = 0;
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      best = Math.max(best, at === 0 ? 3 : /[\p{L}\p{N}]/u.test(text[at - 1]) ? 1 : 2);
    }
    return best;
  }

  function rank(typed) {
    const words = folded(typed).split(/\s+/).filter(Boolean);
    return (option) => {
      const texts = [option.text, option.value, option.sub].map(folded);
      let total = words.length ? 0 : 1;
      for (const word of words) {
        const best = Math.max(...texts.map((text) => fit(text, word)));
        if (!best) return 0;
        total += best;
      }
      return total;
    };
  }

  const atLeast = (score) => (option) => 1 + score(option);

  class Finder {
    constructor(select) {
      this.select = select;
      this.holder = select.closest(".find");
      this.url = select.dataset.url;
      this.answered = null; // the text that the options are the server's answer to
      this.entered = null; // the text that Enter was pressed on before its answer
      this.moved = false; // whether an option was chosen by the arrow keys since
      this.field = new TomSelect(select, this.options());
      this.told = element("p", "sub find-told mb-1");
      this.told.role = "status";
      this.holder.prepend(this.told); // above, for the list opens below
      // Only the tick it makes is a change of the filter; typing into it is none.
      this.holder.addEventListener("change", (event) => event.stopPropagation());
      this.holder.addEventListener("keydown", (event) => this.press(event), { capture: true });
      this.field.on("type", () => this.typed());
      if (this.url) this.field.on("focus", () => this.answered !== this.text && this.ask());
    }

    options() {
      return {
        placeholder: this.select.dataset.placeholder,
        hidePlaceholder: false,
        maxOptions: 100,
        refreshThrottle: 0,
        closeAfterSelect: true,
        // The server has chosen already, perhaps by what is not shown.
        score: (text) =>
          this.url && this.answered === text.trim() ? atLeast(rank(text)) : rank(text),
        onDropdownOpen: (list) => list.scrollIntoView({ block: "nearest" }),
        onItemAdd: (value) => this.tick(value),
        render: { option: describe, no_results: () => this.nothing() },
      };
    }

    get text() {
      return this.field.inputValue().trim();
    }

    begin(text, entered) {
      const box = this.field.control_input;
      box.focus();
      if (!text) return;
      box.value = text;
      box.dispatchEvent(new Event("input", { bubbles: true }));
      if (entered)
        box.dispatchEvent(
          new KeyboardEvent("keydown", { key: "Enter", keyCode: 13, bubbles: true }),
        );
    }

    typed() {
      this.moved = false;
      this.tell();
      if (!this.url) return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), PAUSE_MS);
    }

    press(event) {
      if (event.target !== this.field.control_input || event.isComposing) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") this.moved = true;
      if (event.key === "Escape") this.entered = null;
      if (event.key !== "Enter" || (this.moved && this.field.activeOption)) return;
      const early = this.url && this.text !== this.answered;
      if (this.text && !early) return;
      event.preventDefault();
      event.stopPropagation();
      if (!this.text) return;
      this.entered = this.text;
      this.tell("Looking");
      this.ask();
    }

    async ask({ quietly = false } = {}) {
      clearTimeout(this.timer);
      this.request?.abort();
      const request = new AbortController();
      this.request = request;
      const patience = setTimeout(() => request.abort("timeout"), PATIENCE_MS);
      const text = this.text;
      try {
        const found = await find(this.url, text, request.signal);
        if (request === this.request && text === this.text) this.show(found, text, quietly);
      } catch (error) {
        if (request === this.request && !quietly) this.refuse(error);
      } finally {
        clearTimeout(patience);
      }
    }

    show(found, text, quietly) {
      const { field } = this;
      const highlighted = this.moved ? field.activeOption?.dataset.value : null;
      this.tell();
      field.clearOptions();
      field.addOptions(found);
      this.answered = text;
      field.refreshOptions(field.isFocused && !quietly);
      if (highlighted) field.setActiveOption(field.getOption(highlighted));
      const entered = this.entered === text && text;
      this.entered = null;
      if (!entered || !found.length) return;
      const score = rank(text);
      field.addItem(found.reduce((best, one) => (score(one) > score(best) ? one : best)).value);
      field.close();
    }

    refuse(error) {
      this.entered = null;
      if (error.name === "SignedOut") {
        const link = element("a", "", "Sign in");
        link.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
        this.tell("You are signed out. ", link);
      } else {
        const button = element("button", "btn btn-xs", "Retry");
        button.type = "button";
        button.addEventListener("click", () => {
          this.field.focus();
          this.ask();
        });
        this.tell(`${AWAY} `, button);
      }
    }

    tell(...words) {
      this.told.replaceChildren(...words);
    }

    nothing() {
      const waiting = this.url && this.text !== this.answered;
      return element("div", "no-results", waiting ? "Looking" : "Nothing by that name");
    }

    tick(value) {
      const { field, select } = this;
      const box = element("input", "form-check-input");
      Object.assign(box, { type: "checkbox", name: select.name, value, checked: true });
      const label = element("label", "opt");
      label.append(box, element("span", "t", field.options[value].text));
      const item = document.createElement("li");
      item.append(label);
      select.closest(".facet").querySelector("ul").append(item);
      field.clear(true);
      field.setTextboxValue("");
      field.removeOption(value, true);
      this.moved = false;
      box.dispatchEvent(new Event("change", { bubbles: true }));
      if (this.url) this.ask({ quietly: true });
    }

    // Numbers of the filter before say nothing of the new one.
    blank() {
      const { field } = this;
      for (const option of Object.values(field.options)) option.count = "";
      field.clearCache();
      field.control_input.placeholder = field.control_input.placeholder.replace(/ in [\d,]+/, "");
    }
  }

  async function find(url, text, signal) {
    const address = new URL(url, location.href);
    address.searchParams.set("term", text);
    const answer = await fetch(address, {
      headers: { Accept: "application/json" },
      redirect: "manual",
      signal,
    });
    if (answer.type === "opaqueredirect") throw Object.assign(new Error(), { name: "SignedOut" });
    if (!answer.ok || !answer.headers.has("AuditSaaS-Answer")) throw new Error(AWAY);
    return answer.json();
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

  const finders = new WeakMap();

  // The server's markup replaces a find field, unless it is being typed into.
  document.addEventListener("htmx:before:swap", (event) => {
    if (event.detail.ctx.target?.id !== "facets") return;
    for (const select of document.querySelectorAll("#facets select.tomselected")) {
      const holder = select.closest(".find");
      if (holder.contains(document.activeElement)) holder.setAttribute("hx-morph-skip", "");
      else {
        holder.removeAttribute("hx-morph-skip");
        holder.querySelector(".find-told")?.remove();
        select.tomselect.destroy();
      }
    }
  });
  document.addEventListener("filters-changed", () => {
    for (const select of document.querySelectorAll("select.tomselected"))
      finders.get(select)?.blank();
  });

  // Makes a select a find field, which goes on with what was typed meanwhile.
  window.findIn = (select, text, entered) => {
    const finder = new Finder(select);
    finders.set(select, finder);
    finder.begin(text, entered);
  };
})();

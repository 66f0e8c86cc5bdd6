// Go to: a dialog over any page, opened by Ctrl K or the entry in the bar.
(() => {
  const byId = (id) => document.getElementById(id);
  const options = () => [...document.querySelectorAll("#go-list [role=option]")];
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  if (isMac && byId("go-keys")) byId("go-keys").textContent = "⌘ K";

  function select(option) {
    for (const other of options()) other.ariaSelected = String(other === option);
    if (option) byId("go-q").setAttribute("aria-activedescendant", option.id);
    else byId("go-q").removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  // What is listed is what was typed, or Enter asks for that: nobody opens what they did not mean.
  const isAnswer = () =>
    byId("go-list").dataset.words === byId("go-q").value.trim().replace(/\s+/g, " ");

  function move(by) {
    const all = options();
    const here = all.findIndex((option) => option.ariaSelected === "true");
    select(all[(here + by + all.length) % all.length]);
  }

  document.addEventListener("htmx:after:swap", (event) => {
    const { target } = event.detail.ctx;
    const dialog = target?.id === "dialog" && byId("go-dialog");
    if (dialog && !dialog.open) dialog.showModal();
    // Without words it lists the pages, of which none is meant yet.
    if ((dialog || target?.id === "go-list") && byId("go-q")?.value) select(options()[0]);
  });

  document.addEventListener(
    "keydown",
    (event) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        if (!byId("go-dialog")?.open) byId("go")?.click();
        return;
      }
      if (!event.target.closest?.("#go-dialog")) return;
      // The page beneath has keys of its own.
      event.stopPropagation();
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && options().length) {
        event.preventDefault();
        move(step);
      }
      const chosen = options().find((option) => option.ariaSelected === "true");
      if (event.key !== "Enter" || event.target.id !== "go-q" || event.isComposing) return;
      if (chosen && isAnswer()) {
        event.preventDefault();
        chosen.click();
      }
    },
    { capture: true },
  );

  document.addEventListener("click", (event) => {
    const beside = event.target.id === "go-dialog";
    if (beside || event.target.closest("[data-close=go]")) byId("go-dialog").close();
  });
})();

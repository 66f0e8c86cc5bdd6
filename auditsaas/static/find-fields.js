// Find and add, until it is used: a plain box, which becomes a list once it is entered.
(() => {
  const AWAY = "The server does not answer.";
  let loading = null;

  function load() {
    const { finders, findersStyle } = document.getElementById("filters").dataset;
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet" });
    const script = document.createElement("script");
    const both = [
      [style, "href", findersStyle],
      [script, "src", finders],
    ];
    const loads = ([element, attribute, address]) =>
      new Promise((done, fail) => {
        element.addEventListener("load", done);
        element.addEventListener("error", fail);
        element[attribute] = address;
        // Before the product's own style, which has the last word.
        document.querySelector("head link[rel=stylesheet]").before(element);
      });
    return Promise.all(both.map(loads));
  }

  async function begin(box) {
    loading ??= load();
    try {
      await loading;
    } catch {
      loading = null;
      tell(box, AWAY);
      return;
    }
    tell(box, "");
    if (document.activeElement !== box) return;
    const text = box.value;
    const entered = box.dataset.entered === text;
    box.value = "";
    delete box.dataset.entered;
    window.findIn(box.parentElement.querySelector("select"), text, entered);
  }

  function tell(box, words) {
    const holder = box.parentElement;
    holder.querySelector(".find-told")?.remove();
    if (!words) return;
    const told = document.createElement("p");
    told.className = "sub find-told mb-1";
    told.role = "status";
    told.textContent = words;
    holder.prepend(told);
  }

  const boxOf = (event) => event.target.closest?.(".find-begin");

  document.addEventListener("focusin", (event) => {
    const box = boxOf(event);
    if (box) begin(box);
  });
  document.addEventListener("input", (event) => {
    const box = boxOf(event);
    if (box && !loading) begin(box);
  });
  // A key that comes before the list does is kept for it.
  document.addEventListener("keydown", (event) => {
    const box = boxOf(event);
    if (!box || event.key !== "Enter") return;
    event.preventDefault();
    box.dataset.entered = box.value;
    if (!loading) begin(box);
  });
  document.addEventListener(
    "change",
    (event) => {
      if (boxOf(event)) event.stopPropagation();
    },
    { capture: true },
  );
  // Numbers of the filter before say nothing of the new one.
  document.addEventListener("filters-changed", () => {
    for (const box of document.querySelectorAll(".find-begin")) {
      box.placeholder = box.placeholder.replace(/ in [\d,]+/, "");
    }
  });
})();

// The order of columns: each moves by its buttons, by Alt and the arrow keys, or is dragged.
(() => {
  const list = (element) => element.closest?.("[data-columns-order]");
  const announce = document.getElementById("announce");

  function moved(item) {
    const name = item.querySelector(".t").textContent.trim();
    const place = [...item.parentElement.children].indexOf(item) + 1;
    announce.textContent = `${name} is number ${place}`;
    item.parentElement.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function move(item, way, focused) {
    const other = way === "up" ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (way === "up") other.before(item);
    else other.after(item);
    focused.focus();
    moved(item);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-columns-order] [data-move]");
    if (!button) return;
    event.preventDefault();
    move(button.closest("li"), button.dataset.move, button);
  });

  document.addEventListener("keydown", (event) => {
    const way = { ArrowUp: "up", ArrowDown: "down" }[event.key];
    if (!way || !event.altKey || !list(event.target)) return;
    event.preventDefault();
    move(event.target.closest("li"), way, event.target);
  });

  // ---- drag ----
  let dragged = null;
  document.addEventListener("dragstart", (event) => {
    if (!event.target.matches?.("[data-columns-order] > li")) return;
    dragged = event.target;
    dragged.classList.add("dragged");
    event.dataTransfer.effectAllowed = "move";
  });
  document.addEventListener("dragover", (event) => {
    const over = event.target.closest?.("[data-columns-order] > li");
    if (!dragged || !over || list(over) !== list(dragged)) return;
    event.preventDefault();
    const { top, height } = over.getBoundingClientRect();
    if (event.clientY < top + height / 2) over.before(dragged);
    else over.after(dragged);
  });
  document.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("dragged");
    moved(dragged);
    dragged = null;
  });
})();

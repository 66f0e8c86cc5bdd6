// The saved views in another order, by dragging a row; by keyboard its buttons move it.
(() => {
  const list = () => document.querySelector(".view-list");
  const rowOf = (element) => element.closest?.(".view-list > li");
  let dragged = null;
  let before = "";

  const order = () => [...list().children].map((row) => row.id).join();

  // A row is dragged by its grip, so that its words can still be marked.
  document.addEventListener("pointerdown", (event) => {
    const row = rowOf(event.target);
    if (row) row.draggable = !!event.target.closest(".grip");
  });

  document.addEventListener("dragstart", (event) => {
    dragged = rowOf(event.target);
    if (!dragged) return;
    before = order();
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.id);
    dragged.classList.add("dragged");
  });

  document.addEventListener("dragover", (event) => {
    const over = rowOf(event.target);
    if (!dragged || !over) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    const after = event.clientY > box.top + box.height / 2;
    if (over !== dragged) over[after ? "after" : "before"](dragged);
  });

  document.addEventListener("drop", (event) => {
    if (dragged) event.preventDefault();
  });

  document.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("dragged");
    dragged.draggable = false;
    dragged = null;
    if (order() !== before) document.getElementById("view-order").requestSubmit();
  });
})();

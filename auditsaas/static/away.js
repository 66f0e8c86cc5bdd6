// The server away, or refusing: one sentence and Retry. Nothing that it did not send itself is shown.
(() => {
  const AWAY = "The server does not answer.";
  const byId = (id) => document.getElementById(id);
  const failed = new Map();

  // A proxy in between answers with pages of its own, with any status.
  const own = (response) => response.headers.has("AuditSaaS-Answer");

  document.addEventListener("htmx:before:response", (event) => {
    const { ctx } = event.detail;
    if (own(ctx.response)) return;
    event.preventDefault();
    fail(ctx, { words: AWAY });
  });

  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    if (ctx.hx.redirect || handled(ctx.sourceElement, String(ctx.response.status))) return;
    fail(ctx, said(ctx.text));
  });

  document.addEventListener("htmx:error", (event) => {
    const { ctx } = event.detail;
    if (ctx?.request && ctx.text === undefined) fail(ctx, { words: AWAY });
  });

  document.addEventListener("htmx:before:request", (event) => {
    const { target } = event.detail.ctx;
    for (const [source, { ctx }] of failed) if (ctx.target === target) failed.delete(source);
  });

  // Here, for many an answer replaces the element that asked, from which no later event would rise.
  document.addEventListener("htmx:after:request", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    if (response.status >= 400) return;
    failed.delete(sourceElement);
    byId(sourceElement.dataset.toldIn)?.replaceChildren();
    render();
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const { sourceElement } = event.detail.ctx;
    if (sourceElement.matches("#away a") && !failed.has(sourceElement)) sourceElement.remove();
  });

  // Some elements say where an answer of this status belongs.
  const handled = (element, status) =>
    [status, `${status.slice(0, 2)}x`, `${status[0]}xx`].some((code) =>
      element.hasAttribute(`hx-status:${code}`),
    );

  function said(text) {
    const { body } = new DOMParser().parseFromString(text, "text/html");
    const link = body.querySelector(".state a");
    return { words: body.querySelector(".state p")?.textContent ?? AWAY, link };
  }

  function fail(ctx, told) {
    const event = new CustomEvent("request-failed", { detail: { ctx }, cancelable: true });
    if (!document.dispatchEvent(event)) return;
    const place = byId(ctx.sourceElement.dataset.toldIn);
    if (place) place.replaceChildren(sentence(told));
    else failed.set(ctx.sourceElement, { ctx, told });
    render();
  }

  function sentence({ words, link }) {
    const made = document.createElement("p");
    made.className = "err-text mb-2";
    made.append(words);
    if (link) made.append(" ", link);
    return made;
  }

  function render() {
    const bar = byId("away");
    const last = [...failed.values()].at(-1);
    bar.hidden = !last;
    byId("away-words").replaceChildren(
      ...(last ? [last.told.words, " ", last.told.link ?? ""] : []),
    );
  }

  function retry() {
    for (const { ctx } of [...failed.values()]) again(ctx);
  }

  function again({ sourceElement, sourceEvent, request, target, swap, push, replace }) {
    if (request.method !== "GET") {
      htmx.trigger(sourceElement, sourceEvent.type);
      return;
    }
    const itself = sourceElement.isConnected && !sourceElement.matches("form");
    const source = itself ? sourceElement : standIn(sourceElement, request.action);
    htmx.ajax("GET", request.action, { source, target, swap, push, replace });
  }

  // A form shows its filter as it was by now; a link asks again what it asked then.
  function standIn(element, address) {
    const made = document.createElement("a");
    made.href = address;
    made.hidden = true;
    for (const { name, value } of element.attributes) {
      if (/^hx-(status|indicator)/.test(name)) made.setAttribute(name, value);
    }
    if (element.id) made.setAttribute("hx-sync", `#${element.id}:replace`);
    byId("away").append(made);
    return made;
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("#away-retry")) retry();
  });
  window.addEventListener("online", retry);
})();

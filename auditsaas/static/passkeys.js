// Passkeys: asks the browser to make or use one, and posts what it says by the form around the button.
(() => {
  const able = window.PublicKeyCredential?.parseCreationOptionsFromJSON;
  if (!able) return;

  for (const form of document.querySelectorAll("[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      ask(form);
    });
  }

  async function ask(form) {
    const told = form.querySelector("[data-passkey-told]");
    told.textContent = "";
    try {
      const answer = await fetch(form.dataset.options, {
        method: "POST",
        headers: { "X-CSRFToken": form.elements.csrf_token.value },
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const options = await answer.json();
      const credential =
        form.dataset.passkey === "create"
          ? await navigator.credentials.create({
              publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
            })
          : await navigator.credentials.get({
              publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
            });
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      // What asked for the passkey was no submission yet; the guard against double clicks took it so.
      delete form.dataset.sent;
      form.requestSubmit();
    } catch {
      told.textContent = "No passkey was used. Try again, or sign in with your password.";
    }
  }
})();

// The zone is guessed from the browser once; from then on it is what the person chose.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-guess-zone]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!form || !zone || form.elements.time_zone.value === zone) return;
  form.elements.time_zone.value = zone;
  document.getElementById("zone-hint").textContent =
    `${zone} is this browser's zone. It is used once you save.`;
});

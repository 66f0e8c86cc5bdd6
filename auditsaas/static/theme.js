// Runs before the first paint: "auto" follows the system, now and when it changes.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    if (root.dataset.theme === "auto") root.dataset.bsTheme = dark.matches ? "dark" : "light";
  };
  root.classList.add("js");
  follow();
  dark.addEventListener("change", follow);
})();

// Light or dark, before the first paint: a classic script, so that no page flashes in the other colours.
(() => {
  const KEY = "fna-reports-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // Storage is switched off; the system's choice holds.
    }
  }

  function current() {
    return chosen() ?? (system.matches ? "dark" : "light");
  }

  function apply() {
    document.documentElement.dataset.theme = current();
    dispatchEvent(new CustomEvent("themechange"));
  }

  function keep(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      document.documentElement.dataset.theme = theme;
    }
    apply();
  }

  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  apply();

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    function label() {
      const other = current() === "dark" ? "light" : "dark";
      button.setAttribute("aria-label", `Switch to ${other} colours`);
      button.title = button.getAttribute("aria-label");
    }
    button.addEventListener("click", () => {
      keep(current() === "dark" ? "light" : "dark");
      label();
    });
    label();
  });
})();

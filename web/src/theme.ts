/** Light or dark: the system's choice until the user makes one. */
const KEY = "bramble.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners: (() => void)[] = [];

function apply(): void {
  const stored = localStorage.getItem(KEY);
  document.documentElement.dataset.theme = stored ?? (system.matches ? "dark" : "light");
  for (const listener of listeners) listener();
}

export function startTheme(): void {
  system.addEventListener("change", apply);
  apply();
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  apply();
}

/** Told after every change; canvases draw themselves anew. */
export function onThemeChange(listener: () => void): void {
  listeners.push(listener);
}

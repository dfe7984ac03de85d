/** Few words for making elements: h("button", {class: "quiet"}, "Play"). */
type Attributes = Record<string, string | number | boolean | ((event: never) => void)>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value as EventListener);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** Sets text only when it changes: leaves selection and screen readers in peace. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const ICONS = {
  play: "M5 3l14 9-14 9z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  step: "M5 4l10 8-10 8zM17 4h3v16h-3z",
  record: "M12 5a7 7 0 1 0 0 14a7 7 0 0 0 0-14z",
  close: "M6 6l12 12M18 6L6 18",
  expand: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5",
  theme: "M20.5 14.5A9 9 0 1 1 9.5 3.5a7.2 7.2 0 0 0 11 11z",
  panels: "M4 5h16v14H4zM4 10h16M10 10v9",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.5",
  up: "M12 5l7 8h-4v6H9v-6H5z",
  home: "M12 4l9 8h-2.5v8h-5v-5h-3v5h-5v-8H3z",
  above: "M12 3v11M7 9.5l5 5 5-5M5 20h14",
  follow: "M12 3v4M12 17v4M3 12h4M17 12h4M12 9a3 3 0 1 0 0 6a3 3 0 0 0 0-6z",
} as const;
export type IconName = keyof typeof ICONS;
const OUTLINED: ReadonlySet<IconName> = new Set<IconName>(["close", "expand", "panels", "help", "follow", "above"]);

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", OUTLINED.has(name) ? "icon outlined" : "icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function iconButton(name: IconName, label: string, action: () => void, extraClass = ""): HTMLButtonElement {
  const button = h("button", { type: "button", class: `icon-button ${extraClass}`, "aria-label": label, title: label, onclick: action });
  button.append(icon(name));
  return button;
}

/** At most one call of `draw` a display frame, however often it is asked for. */
export function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/** Value of a colour of the theme, for canvases. */
export function themeColour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Which panels are shown, kept for the next visit, and the menu that chooses them. */
import { h, icon } from "./dom.ts";
import type { Panel } from "./panels/panel.ts";

const KEY = "bramble.hidden-panels";

export class Layout {
  readonly menu: HTMLElement;
  private readonly hidden: Set<string>;
  private readonly boxes = new Map<string, HTMLInputElement>();

  constructor(private readonly panels: readonly Panel[]) {
    let stored: unknown = null;
    try {
      stored = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    } catch {
      // a damaged entry is as good as none
    }
    this.hidden = new Set(Array.isArray(stored) ? stored.map(String) : []);
    const list = h("div", { class: "menu", role: "group", "aria-label": "Panels" });
    for (const panel of panels) {
      const box = h("input", { type: "checkbox" });
      box.addEventListener("change", () => this.setShown(panel, box.checked));
      this.boxes.set(panel.id, box);
      list.append(h("label", {}, box, panel.title));
      panel.onClose = () => this.setShown(panel, false);
    }
    const summary = h("summary", { class: "icon-button", "aria-label": "Panels", title: "Panels" });
    summary.append(icon("panels"));
    const details = h("details", { class: "dropdown" }, summary, list);
    this.menu = details;
    document.addEventListener("pointerdown", (event) => {
      if (details.open && !details.contains(event.target as Node)) details.open = false;
    });
    details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      details.open = false;
      summary.focus();
    });
  }

  private setShown(panel: Panel, shown: boolean): void {
    if (shown) this.hidden.delete(panel.id);
    else this.hidden.add(panel.id);
    if (!shown && panel.enlarged) panel.toggleEnlarged();
    localStorage.setItem(KEY, JSON.stringify([...this.hidden]));
    this.apply();
  }

  /** To be called once when the panels are in the page. */
  apply(): void {
    for (const panel of this.panels) {
      panel.element.hidden = this.hidden.has(panel.id);
      this.boxes.get(panel.id)!.checked = !panel.element.hidden;
    }
    for (const row of document.querySelectorAll<HTMLElement>(".panels")) row.hidden = [...row.children].every((child) => (child as HTMLElement).hidden);
  }
}

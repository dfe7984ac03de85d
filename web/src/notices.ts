/** What happens besides: the banner of a lost connection, and short notices from the server. */
import { h, setText } from "./dom.ts";
import type { FoxgloveClient, LinkState } from "./link/foxglove.ts";

const NOTICE_MS = 7000;
/** A first connection that takes less than this needs no words. */
const PATIENCE_MS = 800;

export class Notices {
  readonly banner: HTMLElement;
  readonly list = h("div", { class: "notices", role: "log", "aria-live": "polite", "aria-label": "Notices" });
  private readonly text = h("span");
  private readonly openedAtMs = performance.now();

  constructor(private readonly client: FoxgloveClient) {
    const retry = h("button", { type: "button", onclick: () => client.retryNow() }, "Try now");
    this.banner = h("div", { class: "banner", role: "alert", hidden: true }, this.text, retry);
    client.stateChanged.add(() => this.update());
    client.statusReceived.add(({ level, message }) => this.show(level, message));
    setInterval(() => this.update(), 500);
  }

  /** level: 0 information, 1 warning, 2 error. */
  show(level: number, message: string): void {
    const kind = level >= 2 ? "error" : level === 1 ? "warning" : "information";
    for (const old of this.list.children) if (old.textContent === message) old.remove();
    const notice = h("div", { class: `notice ${kind}` }, message);
    this.list.append(notice);
    while (this.list.children.length > 4) this.list.firstElementChild!.remove();
    setTimeout(() => notice.remove(), NOTICE_MS);
  }

  private update(): void {
    const { state } = this.client;
    document.body.classList.toggle("offline", state.kind !== "open");
    document.body.dataset.link = state.kind;
    const words = this.words(state);
    this.banner.hidden = words === "";
    setText(this.text, words);
  }

  private words(state: LinkState): string {
    if (state.kind === "open") return "";
    const what = state.everOpen ? "Connection lost." : "No connection.";
    if (state.kind === "connecting") return state.everOpen || performance.now() - this.openedAtMs > PATIENCE_MS ? `${what} Connecting to ${location.host} …` : "";
    const seconds = Math.max(0, Math.ceil((state.retryAtMs - performance.now()) / 1000));
    return `${what} ${state.reason ? `${state.reason} ` : ""}Trying again in ${seconds} s.`;
  }
}

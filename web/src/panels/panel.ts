/**
 * The frame of every panel: a title, a note, buttons, a body, and a hint that says what is missing and how to get it.
 * A panel works only while it can be seen: `start` when it comes into view, `stop` when it scrolls away, is closed or
 * the page is in the background; nothing unseen stays subscribed.
 */
import { h, iconButton, setText } from "../dom.ts";

export interface Hint {
  text: string;
  /** A command or option, shown as code below the text. */
  code?: string;
}

export abstract class Panel {
  readonly element: HTMLElement;
  protected readonly body = h("div", { class: "panel-body" });
  protected readonly actions = h("div", { class: "panel-actions" });
  private readonly noteElement = h("span", { class: "panel-note" });
  private readonly hintText = h("p");
  private readonly hintCode = h("code");
  private readonly hintElement = h("div", { class: "panel-hint", hidden: true }, this.hintText, this.hintCode);
  private readonly expandButton: HTMLButtonElement;
  private inView = false;
  private running = false;
  /** Told when the close button is pressed. */
  onClose: () => void = () => {};

  constructor(
    readonly id: string,
    readonly title: string,
    description = "",
  ) {
    this.expandButton = iconButton("expand", `Enlarge ${title}`, () => this.toggleEnlarged());
    this.element = h(
      "section",
      { class: "panel", id: `panel-${id}`, "aria-labelledby": `title-${id}` },
      h(
        "header",
        { ondblclick: () => this.toggleEnlarged() },
        h("h2", { id: `title-${id}`, title: description }, title),
        this.noteElement,
        this.actions,
        this.expandButton,
        iconButton("close", `Hide ${title}`, () => this.onClose()),
      ),
      this.body,
    );
    this.body.append(this.hintElement);
    new IntersectionObserver((entries) => {
      this.inView = entries[entries.length - 1].isIntersecting;
      this.updateRunning();
    }).observe(this.element);
    document.addEventListener("visibilitychange", () => this.updateRunning());
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.enlarged) this.toggleEnlarged();
    });
  }

  /** Subscribe and draw. */
  protected abstract start(): void;
  /** Unsubscribe and rest. */
  protected abstract stop(): void;

  get isRunning(): boolean {
    return this.running;
  }
  get enlarged(): boolean {
    return this.element.classList.contains("enlarged");
  }

  toggleEnlarged(): void {
    const enlarged = this.element.classList.toggle("enlarged");
    document.body.classList.toggle("has-enlarged", enlarged);
    this.expandButton.setAttribute("aria-label", `${enlarged ? "Back to size: " : "Enlarge "}${this.title}`);
    this.expandButton.title = enlarged ? "Back to size (Escape)" : `Enlarge ${this.title}`;
    this.expandButton.focus({ preventScroll: true });
  }

  protected note(text: string): void {
    setText(this.noteElement, text);
  }

  protected hint(hint: Hint | null): void {
    this.hintElement.hidden = hint === null;
    if (!hint) return;
    setText(this.hintText, hint.text);
    // Words of a command stay whole: a line may end between them, not at their hyphens.
    const words = (hint.code ?? "").split(" ").flatMap((word) => [h("span", {}, word), " "]);
    if (this.hintCode.textContent?.trimEnd() !== hint.code) this.hintCode.replaceChildren(...words);
    this.hintCode.hidden = !hint.code;
  }

  private updateRunning(): void {
    const wanted = this.inView && document.visibilityState === "visible";
    if (wanted === this.running) return;
    this.running = wanted;
    if (wanted) this.start();
    else this.stop();
  }
}

/** How often something happens, over the last two seconds. */
export class RateMeter {
  private readonly times: number[] = [];

  tick(): number {
    const now = performance.now();
    this.times.push(now);
    while (this.times.length > 2 && this.times[0] < now - 2000) this.times.shift();
    const span = now - this.times[0];
    return span > 0 ? ((this.times.length - 1) * 1000) / span : 0;
  }
}

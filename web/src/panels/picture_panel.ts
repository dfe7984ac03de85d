/** One stream of pictures: as they are, or class masks in the ontology's colours. */
import { classTable, paintClasses } from "../draw/colours.ts";
import type { Picture } from "../draw/pictures.ts";
import { h, setText } from "../dom.ts";
import { candidates, type PictureKind } from "../link/topics.ts";
import type { Context } from "./context.ts";
import { type Hint, Panel, RateMeter } from "./panel.ts";

/** A canvas of a picture's own size, scaled by the style sheet, with a readout of the pixel under the pointer. */
export class PictureCanvas {
  readonly canvas: HTMLCanvasElement;
  readonly readout = h("div", { class: "readout", hidden: true });
  readonly context: CanvasRenderingContext2D;
  /** What to say of a pixel; "" for nothing. */
  describe: (u: number, v: number) => string = () => "";

  constructor(label: string) {
    this.canvas = h("canvas", { class: "picture", role: "img", "aria-label": label });
    this.context = this.canvas.getContext("2d")!;
    this.canvas.addEventListener("pointermove", (event) => this.read(event));
    this.canvas.addEventListener("pointerleave", () => (this.readout.hidden = true));
  }

  resize(width: number, height: number): void {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
  }

  clear(): void {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  private read(event: PointerEvent): void {
    const { width, height } = this.canvas;
    const box = this.canvas.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height); // object-fit: contain
    const u = Math.floor((event.clientX - box.left - (box.width - width * scale) / 2) / scale);
    const v = Math.floor((event.clientY - box.top - (box.height - height * scale) / 2) / scale);
    const text = u >= 0 && v >= 0 && u < width && v < height ? this.describe(u, v) : "";
    this.readout.hidden = text === "";
    setText(this.readout, text);
  }
}

/** The choice among several topics for one panel; hidden while there is nothing to choose. */
export class TopicChoice {
  readonly element: HTMLSelectElement;
  private chosen: string | null = null;

  constructor(label: string, changed: () => void) {
    this.element = h("select", { class: "quiet", "aria-label": label, title: label, hidden: true });
    this.element.addEventListener("change", () => {
      this.chosen = this.element.value;
      changed();
    });
  }

  /** Takes the topics that are there now; returns the one to show. */
  update(topics: readonly string[]): string | undefined {
    const current = this.chosen !== null && topics.includes(this.chosen) ? this.chosen : topics[0];
    this.element.hidden = topics.length < 2;
    if (topics.join() !== [...this.element.options].map((option) => option.value).join()) {
      this.element.replaceChildren(...topics.map((topic) => h("option", { value: topic }, shortName(topic))));
    }
    if (current !== undefined) this.element.value = current;
    return current;
  }
}

/** "/carla/hero/rgb_front/image" → "rgb_front". */
export function shortName(topic: string): string {
  return topic.replace(/^\/carla\/[^/]+\//, "").replace(/\/image$/, "").replace(/^\//, "");
}

export interface PicturePanelOptions {
  kind: PictureKind;
  /** Whether the pictures are class ids. */
  classes: boolean;
  missing: Hint;
}

export class PicturePanel extends Panel {
  private readonly picture: PictureCanvas;
  private readonly choice: TopicChoice;
  private readonly rate = new RateMeter();
  private release: () => void = () => {};
  private topic: string | undefined;
  private frames = 0;
  private last: Picture | null = null;
  private pixels: ImageData | null = null;

  constructor(
    id: string,
    title: string,
    private readonly context: Context,
    private readonly options: PicturePanelOptions,
  ) {
    super(id, title);
    this.picture = new PictureCanvas(title);
    this.choice = new TopicChoice(`Topic of ${title}`, () => this.choose());
    this.actions.append(this.choice.element);
    this.body.prepend(this.picture.canvas, this.picture.readout);
    if (options.classes) {
      this.picture.canvas.classList.add("crisp");
      this.picture.describe = (u, v) => {
        const mask = this.last?.mask();
        return mask ? context.ontology.nameOf(mask.ids[v * mask.width + u]) : "";
      };
      context.ontology.onChange(() => this.last && this.isRunning && this.show(this.last));
    }
    context.client.channelsChanged.add(() => this.isRunning && this.choose());
  }

  protected override start(): void {
    this.choose();
  }
  protected override stop(): void {
    this.release();
    this.release = () => {};
    this.topic = undefined;
  }

  private choose(): void {
    const { client } = this.context;
    const topic = this.choice.update(candidates(client.allChannels, this.options.kind));
    if (topic === undefined) {
      if (client.state.kind === "open") {
        this.stop();
        this.last = null;
        this.picture.clear();
        this.hint(client.allChannels.size > 0 ? this.options.missing : { text: "Waiting for the list of topics." });
      } else if (!this.last) {
        this.hint({ text: "Waiting for the connection." });
      }
      return;
    }
    if (topic === this.topic) return;
    this.release();
    this.topic = topic;
    this.element.dataset.topic = topic;
    if (!this.last) this.hint({ text: `Waiting for the first picture of ${shortName(topic)}.` });
    this.release = this.context.pictures.of(topic).consume((picture) => this.show(picture));
  }

  private show(picture: Picture): void {
    const again = picture === this.last;
    this.last = picture;
    this.hint(null);
    this.picture.resize(picture.width, picture.height);
    if (this.options.classes) {
      const mask = picture.mask();
      if (this.pixels?.width !== mask.width || this.pixels.height !== mask.height) this.pixels = new ImageData(mask.width, mask.height);
      paintClasses(mask.ids, classTable(this.context.ontology.classes), this.pixels.data);
      this.picture.context.putImageData(this.pixels, 0, 0);
    } else {
      this.picture.context.drawImage(picture.bitmap, 0, 0);
    }
    if (again) return;
    this.element.dataset.frames = String(++this.frames);
    this.note(`${picture.width}×${picture.height} · ${this.rate.tick().toFixed(0)} Hz`);
  }
}

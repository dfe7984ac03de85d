/** The ego picture under a mask of the same moment, estimate or truth, mixed here: the server encodes nothing more. */
import { classTable, paintClasses } from "../draw/colours.ts";
import type { Picture, PictureStream } from "../draw/pictures.ts";
import { h } from "../dom.ts";
import { candidates } from "../link/topics.ts";
import type { Context } from "./context.ts";
import { Panel, RateMeter } from "./panel.ts";
import { PictureCanvas } from "./picture_panel.ts";

export class OverlayPanel extends Panel {
  private readonly picture = new PictureCanvas("Ego picture with class mask");
  private readonly rate = new RateMeter();
  private readonly opacity = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.5, "aria-label": "Opacity of the mask", title: "Opacity of the mask" });
  private readonly which = h(
    "select",
    { class: "quiet", "aria-label": "Mask of the overlay", title: "Mask of the overlay" },
    h("option", { value: "estimate" }, "estimate"),
    h("option", { value: "truth" }, "truth"),
  );
  private readonly maskCanvas = document.createElement("canvas");
  private releases: (() => void)[] = [];
  private topics = "";
  private frames = 0;
  private mask: Picture | null = null;
  private readonly context: Context;

  constructor(context: Context) {
    super("overlay", "Overlay");
    this.context = context;
    this.actions.append(this.opacity, this.which);
    this.body.prepend(this.picture.canvas, this.picture.readout);
    this.which.addEventListener("change", () => this.choose());
    this.picture.describe = (u, v) => {
      const mask = this.mask?.mask();
      if (!mask) return "";
      const row = Math.floor((v * mask.height) / this.picture.canvas.height);
      const column = Math.floor((u * mask.width) / this.picture.canvas.width);
      return context.ontology.nameOf(mask.ids[row * mask.width + column]);
    };
    context.client.channelsChanged.add(() => this.isRunning && this.choose());
  }

  protected override start(): void {
    this.choose();
  }
  protected override stop(): void {
    for (const release of this.releases.splice(0)) release();
    this.topics = "";
  }

  private choose(): void {
    const { client, pictures } = this.context;
    const [ego] = candidates(client.allChannels, "ego");
    const [estimate] = candidates(client.allChannels, "estimate");
    const [truth] = candidates(client.allChannels, "truth");
    // Without a model the truth is what can be shown; with one, the choice is free.
    for (const option of this.which.options) option.disabled = option.value === "estimate" ? !estimate : !truth;
    const selected = this.which.value === "estimate" ? estimate : truth;
    const mask = selected ?? estimate ?? truth;
    if (mask) this.which.value = mask === estimate ? "estimate" : "truth";
    this.which.hidden = !estimate && !truth;
    this.opacity.hidden = this.which.hidden;
    if (!ego || !mask) {
      if (client.state.kind === "open" && client.allChannels.size > 0) {
        this.stop();
        this.picture.clear();
        this.hint(ego ? { text: "No mask to lay over the picture. A model gives one:", code: "bramble sim meadow --dashboard --model models/mine" } : { text: "No colour camera in this source." });
      } else if (this.frames === 0) {
        this.hint({ text: "Waiting for the connection." });
      }
      return;
    }
    if (`${ego} ${mask}` === this.topics) return;
    this.stop();
    this.topics = `${ego} ${mask}`;
    if (this.frames === 0) this.hint({ text: "Waiting for a picture and a mask of the same moment." });
    const [egoStream, maskStream] = [pictures.of(ego), pictures.of(mask)];
    this.releases.push(
      egoStream.consume((picture) => this.pair(picture, egoStream, maskStream)),
      maskStream.consume((picture) => this.pair(picture, egoStream, maskStream)),
    );
  }

  private pair(arrived: Picture, egoStream: PictureStream, maskStream: PictureStream): void {
    const ego = egoStream.of(arrived.stampKey);
    const mask = maskStream.of(arrived.stampKey);
    if (ego && mask) this.show(ego, mask);
  }

  private show(ego: Picture, mask: Picture): void {
    this.hint(null);
    this.mask = mask;
    const { ids, width, height } = mask.mask();
    if (this.maskCanvas.width !== width || this.maskCanvas.height !== height) {
      this.maskCanvas.width = width;
      this.maskCanvas.height = height;
    }
    const pixels = new ImageData(width, height);
    paintClasses(ids, classTable(this.context.ontology.classes), pixels.data);
    this.maskCanvas.getContext("2d")!.putImageData(pixels, 0, 0);
    this.picture.resize(ego.width, ego.height);
    const { context } = this.picture;
    context.globalAlpha = 1;
    context.drawImage(ego.bitmap, 0, 0);
    context.globalAlpha = Number(this.opacity.value);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.maskCanvas, 0, 0, ego.width, ego.height);
    context.globalAlpha = 1;
    this.element.dataset.frames = String(++this.frames);
    this.note(`${this.rate.tick().toFixed(0)} Hz`);
  }
}

/** Where the estimate departs from the truth, from the two masks of one moment. */
import { classTable } from "../draw/colours.ts";
import { compareMasks, ignoredTable, type Mask, resized } from "../draw/difference.ts";
import type { Picture, PictureStream } from "../draw/pictures.ts";
import { percent } from "../format.ts";
import { candidates } from "../link/topics.ts";
import type { Context } from "./context.ts";
import { Panel } from "./panel.ts";
import { PictureCanvas } from "./picture_panel.ts";

export class DifferencePanel extends Panel {
  private readonly picture = new PictureCanvas("Difference of truth and estimate");
  private releases: (() => void)[] = [];
  private topics = "";
  private frames = 0;
  private pixels: ImageData | null = null;
  private shown: { truth: Mask; estimate: Mask } | null = null;
  /** Told of the share of equal pixels of every compared moment. */
  onCompared: (stampS: number, accuracy: number) => void = () => {};

  constructor(private readonly context: Context) {
    super("difference", "Difference", "Dark where the estimate is right; where it is wrong, the colour of the estimated class");
    this.picture.canvas.classList.add("crisp");
    this.body.prepend(this.picture.canvas, this.picture.readout);
    this.picture.describe = (u, v) => {
      if (!this.shown) return "";
      const { truth, estimate } = this.shown;
      const [wanted, got] = [truth, estimate].map(({ ids }) => this.context.ontology.nameOf(ids[v * truth.width + u]));
      return wanted === got ? wanted : `truth ${wanted}, estimate ${got}`;
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
    const [truth] = candidates(client.allChannels, "truth");
    const [estimate] = candidates(client.allChannels, "estimate");
    if (!truth || !estimate) {
      if (client.state.kind === "open" && client.allChannels.size > 0) {
        this.stop();
        this.picture.clear();
        this.hint(
          estimate
            ? { text: "No true labels in this source, so nothing to compare with." }
            : { text: "No estimate to compare. Start with a model:", code: "bramble sim meadow --dashboard --model models/mine" },
        );
      } else if (this.frames === 0) {
        this.hint({ text: "Waiting for the connection." });
      }
      return;
    }
    if (`${truth} ${estimate}` === this.topics) return;
    this.stop();
    this.topics = `${truth} ${estimate}`;
    if (this.frames === 0) this.hint({ text: "Waiting for truth and estimate of the same moment." });
    const [truthStream, estimateStream] = [pictures.of(truth), pictures.of(estimate)];
    const pair = (arrived: Picture) => this.pair(arrived, truthStream, estimateStream);
    this.releases.push(truthStream.consume(pair), estimateStream.consume(pair));
  }

  private pair(arrived: Picture, truthStream: PictureStream, estimateStream: PictureStream): void {
    const truthPicture = truthStream.of(arrived.stampKey);
    const estimatePicture = estimateStream.of(arrived.stampKey);
    if (!truthPicture || !estimatePicture) return;
    const truth = truthPicture.mask();
    const estimate = resized(estimatePicture.mask(), truth.width, truth.height);
    const { classes } = this.context.ontology;
    if (this.pixels?.width !== truth.width || this.pixels.height !== truth.height) this.pixels = new ImageData(truth.width, truth.height);
    const { counted, equal } = compareMasks(truth, estimate, classTable(classes), ignoredTable(classes), this.pixels.data);
    this.picture.resize(truth.width, truth.height);
    this.picture.context.putImageData(this.pixels, 0, 0);
    this.shown = { truth, estimate };
    this.hint(null);
    const accuracy = counted > 0 ? equal / counted : Number.NaN;
    this.note(percent(accuracy));
    this.element.dataset.frames = String(++this.frames);
    this.element.dataset.accuracy = accuracy.toFixed(6);
    this.onCompared(arrived.stampS, accuracy);
  }
}

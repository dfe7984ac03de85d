/** LiDAR in 3D, coloured by height, intensity or label. */
import { classTable, colourTable, colourValues, cssColour, robustRange } from "../draw/colours.ts";
import { h, iconButton } from "../dom.ts";
import { fixed } from "../format.ts";
import { cloudTopic } from "../link/topics.ts";
import { readPointCloud2, readTransforms, type Transform } from "../ros/messages.ts";
import { type Points, pointsOf } from "../ros/point_cloud.ts";
import { CloudView } from "./cloud_view.ts";
import type { Context } from "./context.ts";
import { Panel, RateMeter } from "./panel.ts";

type ColourBy = "height" | "intensity" | "label";
const VALUE_FIELDS: Record<ColourBy, readonly string[]> = {
  height: [],
  intensity: ["intensity", "CosAngle", "reflectivity"],
  label: ["ObjTag", "label", "class_id"],
};
/** Drawing faster than this shows nothing more. */
const LEAST_INTERVAL_MS = 60;
/** At most this share of the time goes into drawing points: machines without a GPU have other things to do. */
const DRAWING_SHARE = 0.4;

export class LidarPanel extends Panel {
  private view: CloudView | null = null;
  private readonly colourBy = h(
    "select",
    { class: "quiet", "aria-label": "Colour of the points", title: "Colour of the points" },
    h("option", { value: "height" }, "height"),
    h("option", { value: "intensity" }, "intensity"),
    h("option", { value: "label" }, "label"),
  );
  private readonly legend = h("div", { class: "cloud-legend", hidden: true });
  private readonly rate = new RateMeter();
  private readonly tables = { height: colourTable("turbo"), intensity: colourTable("viridis") };
  private readonly mounts = new Map<string, Transform>();
  private releases: (() => void)[] = [];
  private topic: string | undefined;
  private points: Points | undefined;
  private rgb: Uint8Array = new Uint8Array(0);
  private range: [number, number] | null = null;
  private frames = 0;
  private drawnAtMs = 0;

  constructor(private readonly context: Context) {
    super("lidar", "LiDAR");
    this.actions.append(
      this.colourBy,
      iconButton("home", "View from behind the vehicle", () => this.view?.lookFromBehind()),
      iconButton("above", "View from above", () => this.view?.lookFromAbove()),
    );
    this.body.append(this.legend);
    this.body.classList.add("cloud");
    this.colourBy.value = localStorage.getItem("bramble.cloud-colour") ?? "height";
    if (!this.colourBy.value) this.colourBy.value = "height";
    this.colourBy.addEventListener("change", () => {
      localStorage.setItem("bramble.cloud-colour", this.colourBy.value);
      this.range = null;
      this.choose();
    });
    context.client.channelsChanged.add(() => this.isRunning && this.choose());
  }

  applyTheme(): void {
    this.view?.applyTheme();
  }

  protected override start(): void {
    if (!this.view) {
      try {
        this.view = new CloudView(this.body);
      } catch (error) {
        this.hint({ text: `This browser offers no WebGL, so points cannot be drawn. (${String(error)})` });
        return;
      }
    }
    this.choose();
  }

  protected override stop(): void {
    for (const release of this.releases.splice(0)) release();
    this.topic = undefined;
  }

  private get colour(): ColourBy {
    return this.colourBy.value as ColourBy;
  }

  private choose(): void {
    const { client } = this.context;
    const topic = this.view ? cloudTopic(client.allChannels, this.colour === "label") : undefined;
    if (!this.view) return;
    if (topic === undefined) {
      if (client.state.kind !== "open" || client.allChannels.size === 0) {
        if (this.frames === 0) this.hint({ text: "Waiting for the connection." });
        return;
      }
      this.stop();
      const any = cloudTopic(client.allChannels, false);
      this.hint(
        this.colour === "label" && any
          ? { text: "No LiDAR with labels in this source; a rig has one with", code: "sensor.lidar.ray_cast_semantic" }
          : { text: "No LiDAR in this source. The default rig has two:", code: "bramble sim meadow --dashboard" },
      );
      return;
    }
    if (topic === this.topic) return;
    this.stop();
    this.topic = topic;
    this.element.dataset.topic = topic;
    if (this.frames === 0) this.hint({ text: "Waiting for the first scan." });
    this.releases.push(client.subscribe(topic, (payload) => this.receive(payload)));
    for (const frames of ["/tf", "/tf_static"]) {
      this.releases.push(
        client.subscribe(frames, (payload) => {
          for (const transform of readTransforms(payload)) this.mounts.set(transform.childFrameId, transform);
        }),
      );
    }
  }

  private receive(payload: DataView): void {
    const now = performance.now();
    if (now - this.drawnAtMs < Math.max(LEAST_INTERVAL_MS, (this.view?.frameMs ?? 0) / DRAWING_SHARE)) return;
    this.drawnAtMs = now;
    const cloud = readPointCloud2(payload);
    const points = (this.points = pointsOf(cloud, VALUE_FIELDS[this.colour], this.points));
    const mount = this.mounts.get(cloud.header.frameId) ?? null;
    if (this.rgb.length < 3 * points.count) this.rgb = new Uint8Array(Math.ceil(3.6 * points.count));
    this.paint(points, mount?.translation[2] ?? 0);
    this.view?.setMount(mount);
    this.view?.setPoints(points.xyz, this.rgb, points.count);
    this.hint(null);
    this.element.dataset.points = String(points.count);
    this.element.dataset.frames = String(++this.frames);
    this.note(`${points.count.toLocaleString("en")} points · ${this.rate.tick().toFixed(0)} Hz`);
  }

  private paint(points: Points, sensorHeightM: number): void {
    const by = this.colour;
    if (by === "label" && points.values) {
      colourValues(points.values, points.count, 0, 255, classTable(this.context.ontology.classes), this.rgb);
      this.showClasses();
      return;
    }
    const values = by === "intensity" ? points.values : null;
    // Without the asked field, height is what every cloud has.
    const [stride, offset] = values ? [1, 0] : [3, 2];
    const source = values ?? points.xyz;
    const [low, high] = robustRange(source, points.count, stride, offset);
    // The range follows slowly, so that colours do not flicker from scan to scan.
    this.range = this.range ? [this.range[0] * 0.9 + low * 0.1, this.range[1] * 0.9 + high * 0.1] : [low, high];
    const table = values ? this.tables.intensity : this.tables.height;
    colourValues(source, points.count, this.range[0], this.range[1], table, this.rgb, stride, offset);
    const shift = values ? 0 : sensorHeightM;
    this.showRamp(values ? "intensity" : "height above the wheels", this.range.map((end) => fixed(end + shift, values ? 2 : 1)), values ? "" : " m", table);
  }

  private showRamp(name: string, ends: string[], unit: string, table: Uint8Array): void {
    const text = `${name} ${ends.join()}`;
    if (this.legend.dataset.shown === text) return;
    this.legend.dataset.shown = text;
    const bar = h("i", { class: "ramp" });
    const stops = Array.from({ length: 16 }, (_, i) => cssColour([table[51 * i], table[51 * i + 1], table[51 * i + 2]]));
    bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    this.legend.replaceChildren(h("span", {}, name), h("span", { class: "ramp-row" }, ends[0], bar, ends[1] + unit));
    this.legend.hidden = false;
  }

  private showClasses(): void {
    const { classes } = this.context.ontology;
    const text = classes.map((one) => one.name).join();
    if (this.legend.dataset.shown === text) return;
    this.legend.dataset.shown = text;
    this.legend.replaceChildren(
      ...classes.map((one) => {
        const swatch = h("i", { class: "swatch" });
        swatch.style.background = cssColour(one.color);
        return h("span", {}, swatch, one.name);
      }),
    );
    this.legend.hidden = false;
  }
}

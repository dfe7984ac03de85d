/** The map: the path, the line driven so far, the vehicle. */
import { h, iconButton, oncePerFrame, themeColour } from "../dom.ts";
import { MapView, scaleBarMetres } from "../draw/map_view.ts";
import { fixed } from "../format.ts";
import { topicOfType } from "../link/topics.ts";
import { readOdometry, readPath } from "../ros/messages.ts";
import type { Context } from "./context.ts";
import { Panel } from "./panel.ts";

/** A new point of the driven line at least this far from the last. */
const STEP_M = 0.3;
/** Further than a vehicle gets between two messages: a new drive, or a bag sought elsewhere. */
const JUMP_M = 15;
const MAX_POINTS = 40_000;

export class MapPanel extends Panel {
  private readonly canvas = h("canvas", { tabindex: 0, role: "application", "aria-label": "Map. Drag or arrow keys to move, plus and minus to zoom, F to follow the vehicle." });
  private readonly view = new MapView();
  private readonly redraw = oncePerFrame(() => this.draw());
  private readonly followButton = iconButton("follow", "Follow the vehicle", () => this.setFollowing(!this.following));
  private path: Float64Array = new Float64Array(0);
  private driven: number[] = [];
  private vehicle: { x: number; y: number; yawRad: number } | null = null;
  private following = false;
  /** Whether the user has chosen what to see; until then the whole path is shown. */
  private moved = false;
  private releases: (() => void)[] = [];
  private topics = "";

  constructor(private readonly context: Context) {
    super("map", "Map");
    this.actions.append(this.followButton, iconButton("home", "Show the whole path", () => this.fit()));
    this.followButton.setAttribute("aria-pressed", "false");
    this.body.prepend(this.canvas);
    this.body.classList.add("map");
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    context.client.channelsChanged.add(() => this.isRunning && this.choose());
    // The line grows while the panel is hidden as well: the status comes anyway.
    context.onStatus((status) => {
      if (status.x_m === null || status.y_m === null) return;
      this.place(status.x_m, status.y_m, status.yaw_rad ?? 0);
    });
  }

  applyTheme(): void {
    this.redraw();
  }

  protected override start(): void {
    this.choose();
    this.redraw();
  }
  protected override stop(): void {
    for (const release of this.releases.splice(0)) release();
    this.topics = "";
  }

  private choose(): void {
    const { client } = this.context;
    const path = topicOfType(client.allChannels, "nav_msgs/msg/Path", /^\/bramble\/path$/);
    const odometry = topicOfType(client.allChannels, "nav_msgs/msg/Odometry", /\/odometry$/);
    if (`${path} ${odometry}` === this.topics) return;
    this.stop();
    this.topics = `${path} ${odometry}`;
    if (path) {
      this.releases.push(
        client.subscribe(path, (payload) => {
          this.path = readPath(payload).xy;
          if (!this.moved) this.fit();
          this.redraw();
        }),
      );
    }
    // The status carries the pose; only a source whose status has none (a bag, a robot) is asked for odometry.
    const status = this.context.status();
    if (odometry && status !== null && status.x_m === null) {
      this.releases.push(
        client.subscribe(odometry, (payload) => {
          const { x, y, yawRad } = readOdometry(payload);
          this.place(x, y, yawRad);
        }),
      );
    }
    if (!path && !odometry && client.state.kind === "open" && client.allChannels.size > 0 && this.vehicle === null) {
      this.hint({ text: "This source has neither a path nor odometry." });
    }
  }

  private place(x: number, y: number, yawRad: number): void {
    const last = this.driven.length - 2;
    const moved = last >= 0 ? Math.hypot(x - this.driven[last], y - this.driven[last + 1]) : Infinity;
    if (last >= 0 && moved > JUMP_M) this.driven = [];
    if (moved > STEP_M) {
      this.driven.push(x, y);
      if (this.driven.length > 2 * MAX_POINTS) this.driven.splice(0, MAX_POINTS);
    }
    this.vehicle = { x, y, yawRad };
    this.element.dataset.x = x.toFixed(3);
    this.element.dataset.y = y.toFixed(3);
    this.hint(null);
    this.note(`x ${fixed(x, 1)}  y ${fixed(y, 1)} m`);
    if (this.following) {
      this.view.centreX = x;
      this.view.centreY = y;
    } else if (!this.moved && this.path.length === 0) {
      this.view.centreX = x;
      this.view.centreY = y;
    }
    if (this.isRunning) this.redraw();
  }

  private fit(): void {
    this.setFollowing(false);
    this.moved = false;
    this.view.fit(this.path.length > 0 ? this.path : this.driven);
    this.redraw();
  }

  private setFollowing(following: boolean): void {
    this.following = following;
    this.followButton.setAttribute("aria-pressed", String(following));
    if (following && this.vehicle) {
      this.view.centreX = this.vehicle.x;
      this.view.centreY = this.vehicle.y;
      if (this.view.pixelsPerMetre < 3) this.view.pixelsPerMetre = 3;
    }
    this.redraw();
  }

  private listen(): void {
    const pointers = new Map<number, [number, number]>();
    const local = (event: PointerEvent | WheelEvent): [number, number] => {
      const box = this.canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, local(event));
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = local(event);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const distance = (point: [number, number]) => Math.hypot(point[0] - other[0], point[1] - other[1]);
        this.view.zoomAt(...other, distance(now) / Math.max(1, distance(before)));
      } else {
        this.pan(now[0] - before[0], now[1] - before[1]);
      }
      pointers.set(event.pointerId, now);
      this.redraw();
    });
    for (const name of ["pointerup", "pointercancel"] as const) this.canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
    this.canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.moved = true;
        this.view.zoomAt(...local(event), Math.exp(-event.deltaY * 0.0015));
        this.redraw();
      },
      { passive: false },
    );
    this.canvas.addEventListener("keydown", (event) => {
      const moves: Record<string, [number, number]> = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
      const move = moves[event.key];
      // While the keyboard drives, the arrows belong to the vehicle.
      if (event.defaultPrevented) return;
      if (move) this.pan(...move);
      else if (event.key === "+" || event.key === "=") this.view.zoomAt(this.view.width / 2, this.view.height / 2, 1.25);
      else if (event.key === "-") this.view.zoomAt(this.view.width / 2, this.view.height / 2, 0.8);
      else if (event.key === "f" || event.key === "F") this.setFollowing(!this.following);
      else return;
      this.moved = true;
      event.preventDefault();
      this.redraw();
    });
  }

  private pan(dx: number, dy: number): void {
    if (this.following) this.setFollowing(false);
    this.moved = true;
    this.view.centreX -= dx / this.view.pixelsPerMetre;
    this.view.centreY += dy / this.view.pixelsPerMetre;
  }

  private resize(): void {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (width < 10 || height < 10) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.view.width = width;
    this.view.height = height;
    if (!this.following && this.path.length > 0 && !this.moved) this.fit();
    this.draw();
  }

  private draw(): void {
    const { view } = this;
    const context = this.canvas.getContext("2d")!;
    const ratio = this.canvas.width / Math.max(1, view.width);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    this.drawGrid(context);
    context.lineJoin = "round";
    context.lineCap = "round";
    this.drawLine(context, this.path, themeColour("path"), Math.max(3, Math.min(14, 3 * view.pixelsPerMetre)));
    this.drawLine(context, this.driven, themeColour("series-1"), 2);
    if (this.vehicle) this.drawVehicle(context, this.vehicle);
    this.drawScale(context);
  }

  private drawGrid(context: CanvasRenderingContext2D): void {
    const { view } = this;
    const step = scaleBarMetres(view.pixelsPerMetre, 120);
    const [west, north] = view.toMap(0, 0);
    const [east, south] = view.toMap(view.width, view.height);
    context.strokeStyle = themeColour("line");
    context.lineWidth = 1;
    context.beginPath();
    for (let x = Math.ceil(west / step) * step; x <= east; x += step) {
      const px = Math.round(view.toPixel(x, 0)[0]) + 0.5;
      context.moveTo(px, 0);
      context.lineTo(px, view.height);
    }
    for (let y = Math.ceil(south / step) * step; y <= north; y += step) {
      const py = Math.round(view.toPixel(0, y)[1]) + 0.5;
      context.moveTo(0, py);
      context.lineTo(view.width, py);
    }
    context.stroke();
  }

  private drawLine(context: CanvasRenderingContext2D, xy: ArrayLike<number>, colour: string, width: number): void {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (let i = 0; i + 1 < xy.length; i += 2) context.lineTo(...this.view.toPixel(xy[i], xy[i + 1]));
    context.stroke();
  }

  private drawVehicle(context: CanvasRenderingContext2D, { x, y, yawRad }: { x: number; y: number; yawRad: number }): void {
    const size = Math.max(7, 2.2 * this.view.pixelsPerMetre);
    context.save();
    context.translate(...this.view.toPixel(x, y));
    context.rotate(-yawRad);
    context.beginPath();
    context.moveTo(size, 0);
    context.lineTo(-size * 0.75, size * 0.62);
    context.lineTo(-size * 0.4, 0);
    context.lineTo(-size * 0.75, -size * 0.62);
    context.closePath();
    context.fillStyle = themeColour("accent");
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = themeColour("panel");
    context.stroke();
    context.restore();
  }

  private drawScale(context: CanvasRenderingContext2D): void {
    const metres = scaleBarMetres(this.view.pixelsPerMetre, 90);
    const length = metres * this.view.pixelsPerMetre;
    const [x, y] = [12, this.view.height - 12];
    context.strokeStyle = themeColour("text-quiet");
    context.fillStyle = themeColour("text-quiet");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x, y - 4);
    context.lineTo(x, y);
    context.lineTo(x + length, y);
    context.lineTo(x + length, y - 4);
    context.stroke();
    context.font = "10.5px system-ui, sans-serif";
    context.textAlign = "left";
    context.fillText(metres >= 1000 ? `${metres / 1000} km` : `${metres} m`, x + length + 6, y);
  }
}

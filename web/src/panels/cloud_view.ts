/** The 3D scene of the LiDAR panel: points, rings on the ground, the vehicle's outline. Knows nothing of topics. */
import {
  BoxGeometry,
  BufferAttribute,
  BufferGeometry,
  Color,
  DynamicDrawUsage,
  EdgesGeometry,
  Group,
  LineBasicMaterial,
  LineLoop,
  LineSegments,
  PerspectiveCamera,
  Points,
  Scene,
  ShaderMaterial,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { oncePerFrame, themeColour } from "../dom.ts";
import type { Transform } from "../ros/messages.ts";

/** Colours go to the screen as they are: the ramps are made for sRGB. */
const VERTEX_SHADER = `
attribute vec3 rgb;
uniform float size;
varying vec3 colour;
void main() {
  colour = rgb;
  vec4 seen = modelViewMatrix * vec4(position, 1.0);
  gl_Position = projectionMatrix * seen;
  gl_PointSize = clamp(size * 24.0 / -seen.z, size, 2.5 * size);
}`;
const FRAGMENT_SHADER = `
varying vec3 colour;
void main() { gl_FragColor = vec4(colour, 1.0); }`;

const RING_RADII_M = [10, 20, 30, 40, 60, 80];

export class CloudView {
  readonly canvas: HTMLCanvasElement;
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(55, 1, 0.3, 600);
  private readonly controls: OrbitControls;
  private readonly geometry = new BufferGeometry();
  private readonly material: ShaderMaterial;
  private readonly cloud: Points;
  private readonly rings = new LineBasicMaterial();
  private readonly outline = new LineBasicMaterial();
  private capacity = 0;
  /** What a drawn frame costs, smoothed [ms]. */
  frameMs = 0;
  /** The scene is drawn only when something changed. */
  readonly redraw = oncePerFrame(() => this.draw());

  /** Throws when the browser has no WebGL. */
  constructor(parent: HTMLElement) {
    this.renderer = new WebGLRenderer({ antialias: true, powerPreference: "low-power" });
    this.canvas = this.renderer.domElement;
    this.canvas.setAttribute("aria-label", "LiDAR points in 3D. Drag to turn, wheel to zoom.");
    this.canvas.setAttribute("role", "img");
    parent.prepend(this.canvas);
    this.material = new ShaderMaterial({ vertexShader: VERTEX_SHADER, fragmentShader: FRAGMENT_SHADER, uniforms: { size: { value: 2 } } });
    this.cloud = new Points(this.geometry, this.material);
    this.cloud.frustumCulled = false;
    this.scene.add(this.cloud, this.ground(), this.vehicle());
    this.camera.up.set(0, 0, 1);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.maxDistance = 250;
    this.controls.minDistance = 2;
    this.controls.maxPolarAngle = Math.PI * 0.495;
    this.controls.addEventListener("change", () => this.redraw());
    this.lookFromBehind();
    this.applyTheme();
    new ResizeObserver(() => this.resize(parent)).observe(parent);
  }

  /** Vehicle frame: x forward, y left, z up, origin on the ground. */
  lookFromBehind(): void {
    this.view(new Vector3(-17, 0, 11), new Vector3(6, 0, 0));
  }
  lookFromAbove(): void {
    this.view(new Vector3(-0.01, 0, 75), new Vector3(0, 0, 0));
  }
  private view(from: Vector3, at: Vector3): void {
    this.camera.position.copy(from);
    this.controls.target.copy(at);
    this.controls.update();
    this.redraw();
  }

  /** Places the sensor's frame in the vehicle's. */
  setMount(mount: Transform | null): void {
    this.cloud.position.set(...(mount?.translation ?? ([0, 0, 0] as const)));
    this.cloud.quaternion.set(...(mount?.rotation ?? ([0, 0, 0, 1] as const)));
  }

  set pointSize(pixels: number) {
    this.material.uniforms.size.value = pixels * this.renderer.getPixelRatio();
    this.redraw();
  }

  setPoints(xyz: Float32Array, rgb: Uint8Array, count: number): void {
    if (count > this.capacity || !this.geometry.getAttribute("position")) {
      this.capacity = Math.ceil(count * 1.2);
      const position = new BufferAttribute(new Float32Array(3 * this.capacity), 3);
      const colour = new BufferAttribute(new Uint8Array(3 * this.capacity), 3, true);
      position.usage = DynamicDrawUsage;
      colour.usage = DynamicDrawUsage;
      this.geometry.setAttribute("position", position);
      this.geometry.setAttribute("rgb", colour);
    }
    const fill = (name: string, values: Float32Array | Uint8Array) => {
      const attribute = this.geometry.getAttribute(name) as BufferAttribute;
      (attribute.array as Float32Array).set(values.subarray(0, 3 * count));
      attribute.clearUpdateRanges();
      attribute.addUpdateRange(0, 3 * count);
      attribute.needsUpdate = true;
    };
    fill("position", xyz);
    fill("rgb", rgb);
    this.geometry.setDrawRange(0, count);
    this.redraw();
  }

  applyTheme(): void {
    this.renderer.setClearColor(new Color(themeColour("canvas")), 1);
    this.rings.color.set(themeColour("line-strong"));
    this.outline.color.set(themeColour("accent"));
    this.redraw();
  }

  private ground(): Group {
    const group = new Group();
    for (const radius of RING_RADII_M) {
      const circle = Array.from({ length: 96 }, (_, i) => new Vector3(radius * Math.cos((i * Math.PI) / 48), radius * Math.sin((i * Math.PI) / 48), 0));
      group.add(new LineLoop(new BufferGeometry().setFromPoints(circle), this.rings));
    }
    return group;
  }

  /** About the size of a jeep; the arrow ahead tells front from back. */
  private vehicle(): Group {
    const group = new Group();
    const box = (length: number, width: number, height: number, x: number, z: number) => {
      const edges = new LineSegments(new EdgesGeometry(new BoxGeometry(length, width, height)), this.outline);
      edges.position.set(x, 0, z);
      group.add(edges);
    };
    box(4.2, 1.8, 0.8, 0, 0.85);
    box(2.3, 1.7, 0.7, -0.6, 1.6);
    const tip = [new Vector3(2.4, 0.5, 0.85), new Vector3(3.4, 0, 0.85), new Vector3(2.4, -0.5, 0.85)];
    group.add(new LineLoop(new BufferGeometry().setFromPoints(tip), this.outline));
    return group;
  }

  private resize(parent: HTMLElement): void {
    const [width, height] = [parent.clientWidth, parent.clientHeight];
    if (width < 10 || height < 10) return;
    this.renderer.setPixelRatio(Math.min(2, window.devicePixelRatio || 1));
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  private draw(): void {
    const begin = performance.now();
    this.renderer.render(this.scene, this.camera);
    // Until the browser asks for the next frame the graphics are busy with this one.
    requestAnimationFrame(() => {
      this.frameMs = 0.7 * this.frameMs + 0.3 * (performance.now() - begin);
    });
  }
}

// Fallen logs, broken branches and stumps. y up, metres; what lies, lies along x.
import { octaves } from './noise.mjs';
import { random } from './random.mjs';

const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (v) => {
  const l = Math.hypot(...v) || 1;
  return v.map((x) => x / l);
};
const part = () => ({ positions: [], normals: [], uvs: [], indices: [] });

// A tube along points with radii; `bump(k, angle)` is a factor on the radius, `push(k, angle)` moves along the axis.
function tube(out, points, radii, { ring = 12, bump = () => 1, push = () => 0, wrap = 2 }) {
  const first = out.positions.length / 3;
  let along = 0;
  points.forEach((p, k) => {
    const axis = unit(points[Math.min(k + 1, points.length - 1)].map((v, q) => v - points[Math.max(k - 1, 0)][q]));
    const side = unit(cross(axis, Math.abs(axis[1]) < 0.9 ? [0, 1, 0] : [1, 0, 0])), other = cross(axis, side);
    if (k > 0) along += Math.hypot(...p.map((v, q) => v - points[k - 1][q]));
    for (let i = 0; i <= ring; i++) {
      const angle = 2 * Math.PI * i / ring, c = Math.cos(angle), s = Math.sin(angle);
      const radius = radii[k] * bump(k, angle), shift = push(k, angle);
      for (let q = 0; q < 3; q++) out.positions.push(p[q] + radius * (c * side[q] + s * other[q]) + shift * axis[q]);
      for (let q = 0; q < 3; q++) out.normals.push(c * side[q] + s * other[q]);
      out.uvs.push(wrap * i / ring, along / (2 * Math.PI * radii[0] / wrap));
      if (k > 0 && i < ring) {
        const b = first + k * (ring + 1) + i, a = b - ring - 1;
        out.indices.push(a, a + 1, b, a + 1, b + 1, b);
      }
    }
  });
  return { first, ring, rows: points.length };
}

// Closes a tube's first or last row with the picture of a cut.
function cap(out, bark, { first, ring, rows }, last) {
  const row = first + (last ? rows - 1 : 0) * (ring + 1);
  const rim = Array.from({ length: ring }, (_, i) => bark.positions.slice(3 * (row + i), 3 * (row + i) + 3));
  const middle = [0, 1, 2].map((q) => rim.reduce((sum, p) => sum + p[q], 0) / ring);
  let n = unit(cross(rim[0].map((v, q) => v - middle[q]), rim[Math.floor(ring / 4)].map((v, q) => v - middle[q])));
  if (!last) n = n.map((v) => -v);
  const base = out.positions.length / 3;
  [middle, ...rim].forEach((p, i) => {
    out.positions.push(...p);
    out.normals.push(...n);
    const angle = 2 * Math.PI * (i - 1) / ring;
    out.uvs.push(...(i === 0 ? [0.5, 0.5] : [0.5 + 0.47 * Math.cos(angle), 0.5 + 0.47 * Math.sin(angle)]));
  });
  for (let i = 0; i < ring; i++) {
    const a = base + 1 + i, b = base + 1 + (i + 1) % ring;
    out.indices.push(base, ...(last ? [a, b] : [b, a]));
  }
}

function limb(bark, wood, r, from, towards, length, radius, seed, twigs) {
  const points = [], radii = [], steps = 5;
  let d = unit(towards), p = from;
  for (let k = 0; k <= steps; k++) {
    points.push(p);
    radii.push(radius * (1 - 0.65 * k / steps));
    p = p.map((v, q) => v + d[q] * length / steps);
    d = unit(d.map((v) => v + r.range(-0.22, 0.22)));
  }
  cap(wood, bark, tube(bark, points, radii, { ring: 7, wrap: 1 }), true);
  for (let k = 0; k < twigs; k++)
    limb(bark, wood, r, points[2 + (k % 3)], [towards[0] + r.range(-1, 1), towards[1] + r.range(-0.5, 0.8), towards[2] + r.range(-1, 1)], length * r.range(0.3, 0.55), radius * 0.4, seed + k, 0);
}

// A lying trunk with the stubs of its limbs; → [bark part, wood part], both without material.
export function log(seed, { length, radius, bend = 0.05, stubs = 4, stub = 0.5, twigs = 0, sunk = 0.12 }) {
  const r = random(seed), bark = part(), wood = part(), steps = 14;
  const points = [], radii = [], turn = r.range(0, 6.28);
  for (let k = 0; k <= steps; k++) {
    const t = k / steps;
    radii.push(radius * (1 - 0.38 * t));
    points.push([length * (t - 0.5), radii[k] * (1 - sunk), bend * length * Math.sin(2.6 * t + turn)]);
  }
  const middle = bend * length * Math.sin(1.3 + turn);
  for (const p of points) p[2] -= middle;
  const bump = (k, angle) => 1 + 0.16 * octaves(k * 0.35, Math.cos(angle) * 1.3, Math.sin(angle) * 1.3, seed, 3);
  // Broken, not sawn: the ends are jagged.
  const push = (k, angle) => (k > 0 && k < steps ? 0 : radius * 0.9 * octaves(Math.cos(angle) * 2.2, Math.sin(angle) * 2.2, k, seed + 3, 3));
  const trunk = tube(bark, points, radii, { ring: 16, bump, push, wrap: 2 });
  cap(wood, bark, trunk, false);
  cap(wood, bark, trunk, true);
  for (let k = 0; k < stubs; k++) {
    const row = 3 + Math.floor(r.range(0, steps - 4)), up = r.range(-0.1, 1), side = r.next() < 0.5 ? -1 : 1;
    limb(bark, wood, r, points[row], [r.range(0.1, 0.8), up, side], radius + stub * r.range(0.4, 1), radii[row] * r.range(0.25, 0.45), seed + 50 + k, twigs);
  }
  return [bark, wood];
}

export function stump(seed, { height, radius, jagged }) {
  const bark = part(), wood = part(), steps = 8, points = [], radii = [];
  for (let k = 0; k <= steps; k++) {
    const t = k / steps;
    points.push([0, height * t - 0.06, 0]);
    radii.push(radius * (1 + 0.9 * (1 - t) ** 4));
  }
  const bump = (k, angle) => 1 + (0.1 + 0.3 * (1 - k / steps) ** 2) * octaves(Math.cos(angle) * 1.7, Math.sin(angle) * 1.7, k * 0.1, seed, 3);
  const push = (k, angle) => (k < steps ? 0 : jagged * octaves(Math.cos(angle) * 2, Math.sin(angle) * 2, 0, seed + 3, 3));
  cap(wood, bark, tube(bark, points, radii, { ring: 18, bump, push, wrap: 2 }), true);
  return [bark, wood];
}

// The end of a trunk: rings, cracks from the middle, weathered grey.
export function ringPixel(x, y) {
  const dx = (x - 63.5) / 64, dy = (y - 63.5) / 64, far = Math.hypot(dx, dy);
  const ring = Math.sin(far * 70 + 5 * octaves(dx * 2, dy * 2, 0, 5, 3));
  const crack = Math.abs(octaves(3 * dx / (far + 0.05), 3 * dy / (far + 0.05), far, 9, 2)) < 0.03 ? 0.55 : 1;
  const shade = (0.86 + 0.1 * ring + 0.2 * octaves(dx * 9, dy * 9, 1, 6, 3)) * crack;
  return [146 * shade, 122 * shade, 92 * shade, 255];
}

// Clumps of grass: curved, tapering blades, darker at the foot; tall ones with seed heads. y up, metres.
import { random } from './random.mjs';

// One texture for all: left half a blade (foot at the bottom), right half a seed head.
export function bladePixel(green, dry) {
  return (x, y) => {
    const up = 1 - y / 127;
    const inHead = x >= 16;
    const across = ((x % 16) + 0.5) / 16;
    const rib = 1 + 0.18 * Math.cos((across - 0.5) * Math.PI * 2) * 0.6 + 0.05 * Math.sin(x * 12.9 + y * 0.7);
    const mixed = green.map((g, k) => g + (dry[k] - g) * (inHead ? 0.9 : Math.pow(up, 1.8)));
    const shade = (0.62 + 0.38 * up) * rib;
    return [...mixed.map((v) => v * shade), 255];
  };
}

export function clump(seed, { blades, height, spread, width, bend, heads = 0 }) {
  const r = random(seed);
  const positions = [], normals = [], uvs = [], indices = [];
  const strip = (base, direction, lean, length, breadth, segments, u0, u1, from = 0) => {
    const side = [-direction[1], direction[0]];
    const first = positions.length / 3;
    for (let k = 0; k <= segments; k++) {
      const t = k / segments;
      const along = from + t * (1 - from);
      const out = lean * length * along * along;  // bends more towards the tip
      const up = length * along * (1 - 0.35 * lean * along);
      const half = 0.5 * breadth * (u0 > 0.4 ? Math.sin(Math.PI * (0.12 + 0.8 * t)) : 1 - 0.92 * t * t);
      for (const s of [-1, 1]) {
        positions.push(base[0] + direction[0] * out + s * side[0] * half, up, base[1] + direction[1] * out + s * side[1] * half);
        const slope = 2 * lean * along;
        const n = [direction[0] * 0.8, 0.5 + slope, direction[1] * 0.8];
        const l = Math.hypot(...n);
        normals.push(n[0] / l, n[1] / l, n[2] / l);
        uvs.push(s < 0 ? u0 : u1, 0.98 - 0.96 * t);
      }
      if (k > 0) {
        const i = first + 2 * k;
        indices.push(i - 2, i - 1, i, i - 1, i + 1, i);
      }
    }
  };
  for (let b = 0; b < blades; b++) {
    const angle = r.range(0, 2 * Math.PI);
    const far = Math.sqrt(r.next()) * spread;
    const base = [Math.cos(angle) * far, Math.sin(angle) * far];
    const facing = angle + r.range(-1.2, 1.2);
    const direction = [Math.cos(facing), Math.sin(facing)];
    const length = height * r.range(0.5, 1.1);
    const lean = bend * r.range(0.3, 1.2);
    const head = b < heads;
    strip(base, direction, head ? lean * 0.5 : lean, head ? length * 1.25 : length, head ? width * 0.45 : width * r.range(0.7, 1.2), 3, 0.02, 0.48);
    if (head) strip(base, direction, lean * 0.5, length * 1.25, width * 2.2, 3, 0.54, 0.98, 0.72);
  }
  return { positions, normals, uvs, indices };
}

// Broad low leaves (clover, plantain) lying near the ground.
export function rosette(seed, { leaves, radius, height }) {
  const r = random(seed);
  const positions = [], normals = [], uvs = [], indices = [];
  for (let k = 0; k < leaves; k++) {
    const angle = r.range(0, 2 * Math.PI);
    const long = radius * r.range(0.5, 1), breadth = long * r.range(0.3, 0.5), up = height * r.range(0.3, 1);
    const d = [Math.cos(angle), Math.sin(angle)], s = [-d[1], d[0]];
    const first = positions.length / 3;
    for (const [along, across, rise] of [[0, 0, 0], [0.45, -0.5, 0.8], [0.45, 0.5, 0.8], [1, 0, 0.75]]) {
      positions.push(d[0] * long * along + s[0] * breadth * across, up * rise + 0.005, d[1] * long * along + s[1] * breadth * across);
      const n = [-0.3 * d[0], 1, -0.3 * d[1]];
      const l = Math.hypot(...n);
      normals.push(n[0] / l, n[1] / l, n[2] / l);
      uvs.push(0.25 + 0.22 * across, 0.95 - 0.6 * along);
    }
    indices.push(first, first + 1, first + 2, first + 1, first + 3, first + 2);
  }
  return { positions, normals, uvs, indices };
}

// A fern: fronds that arch outwards from one root, each a row of leaflets on both sides, shorter towards the tip.
export function fern(seed, { fronds, length }) {
  const r = random(seed);
  const positions = [], normals = [], uvs = [], indices = [];
  const vertex = (p, n, u, v) => {
    positions.push(...p);
    normals.push(...n);
    uvs.push(u, v);
    return positions.length / 3 - 1;
  };
  for (let f = 0; f < fronds; f++) {
    const angle = 2 * Math.PI * (f + r.range(-0.35, 0.35)) / fronds, d = [Math.cos(angle), Math.sin(angle)], s = [-d[1], d[0]];
    const long = length * r.range(0.7, 1.1), lift = r.range(0.55, 0.95), pairs = 11;
    const at = (t) => [d[0] * long * 0.85 * t, long * (lift * t - 0.75 * lift * t * t), d[1] * long * 0.85 * t];
    for (let k = 1; k <= pairs; k++) {
      const t = 0.12 + 0.88 * k / pairs, p = at(t), q = at(t - 0.055);
      const wide = long * 0.24 * Math.sin(Math.PI * (0.15 + 0.85 * t) ** 0.8) + 0.01;
      for (const side of [-1, 1]) {
        const tip = [p[0] + s[0] * side * wide + d[0] * wide * 0.35, p[1] - 0.25 * wide, p[2] + s[1] * side * wide + d[1] * wide * 0.35];
        const n = [0.3 * d[0] + 0.2 * side * s[0], 0.9, 0.3 * d[1] + 0.2 * side * s[1]];
        const low = 0.9 - 0.5 * t;
        indices.push(vertex(q, n, 0.15, low), vertex(tip, n, 0.25, low - 0.35), vertex(p, n, 0.35, low));
      }
    }
    // The stem.
    for (let k = 0; k < 5; k++) {
      const a = at(0.2 * k), b = at(0.2 * (k + 1)), n = [0, 1, 0];
      const i = vertex([a[0] - 0.006 * s[0], a[1], a[2] - 0.006 * s[1]], n, 0.1, 0.9);
      vertex([a[0] + 0.006 * s[0], a[1], a[2] + 0.006 * s[1]], n, 0.4, 0.9);
      vertex(b, n, 0.25, 0.6);
      indices.push(i, i + 1, i + 2);
    }
  }
  return { positions, normals, uvs, indices };
}

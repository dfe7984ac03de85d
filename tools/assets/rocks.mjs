// Weathered stones: a solid cut by random planes, its edges worn round, its faces roughened by noise; colour and
// relief are baked from noise in space onto the six sides of a cube, so that no seam shows. y up, metres.
import { noise, octaves } from './noise.mjs';
import { random } from './random.mjs';

const unit = (v) => {
  const l = Math.hypot(...v);
  return v.map((x) => x / l);
};
const smooth = (low, high, x) => {
  const t = Math.min(1, Math.max(0, (x - low) / (high - low)));
  return t * t * (3 - 2 * t);
};
const blend = (a, b, t) => a.map((x, k) => x + (b[k] - x) * t);

// The sides of the cube: outward axis, and where u and v (downwards in the picture) point; u × -v is outward.
const sides = [
  [[1, 0, 0], [0, 0, -1], [0, -1, 0]], [[-1, 0, 0], [0, 0, 1], [0, -1, 0]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
  [[0, -1, 0], [1, 0, 0], [0, 0, -1]], [[0, 0, 1], [1, 0, 0], [0, -1, 0]], [[0, 0, -1], [-1, 0, 0], [0, -1, 0]],
];
// a, b in -1…1 across a side; a little beyond, too. Equal angles make the cells nearly equal.
const direction = ([n, u, v], a, b) => {
  const s = Math.tan(a * Math.PI / 4), t = Math.tan(b * Math.PI / 4);
  return unit([0, 1, 2].map((k) => n[k] + s * u[k] + t * v[k]));
};

// wear: 0 sharp … 1 round; planes: how many cut the solid; strata: depth of the layering; half: half the size.
function surface(seed, { planes, wear, rough, strata = 0, half }) {
  const r = random(seed);
  const cuts = [];
  for (let k = 0; k < planes; k++) {
    // Evenly over the sphere (Fibonacci), then moved, so that no side is left without a face.
    const y = 1 - 2 * (k + 0.5) / planes, ring = Math.sqrt(1 - y * y), turn = k * 2.39996;
    cuts.push([unit([ring * Math.cos(turn) + r.range(-0.4, 0.4), y + r.range(-0.4, 0.4), ring * Math.sin(turn) + r.range(-0.4, 0.4)]), r.range(0.66, 0.98)]);
  }
  const power = 6 + 44 * (1 - wear) ** 2;
  return (d) => {
    let sum = 0;
    for (const [n, distance] of cuts) {
      const along = d[0] * n[0] + d[1] * n[1] + d[2] * n[2];
      if (along > 0) sum += (along / distance) ** power;
    }
    let radius = sum ** (-1 / power);
    radius *= 1 + rough * (octaves(d[0] * 1.6, d[1] * 1.6, d[2] * 1.6, seed, 4) + 0.35 * octaves(d[0] * 7, d[1] * 7, d[2] * 7, seed + 5, 3));
    if (strata > 0) {
      const layer = radius * d[1] * 7 + 0.6 * noise(d[0] * 2, d[1] * 2, d[2] * 2, seed + 9);
      radius *= 1 - strata * Math.abs(layer - Math.floor(layer) - 0.5) * (0.6 + 0.4 * noise(d[0] * 3, Math.floor(layer), d[2] * 3, seed + 3));
    }
    return [d[0] * radius * half[0], d[1] * radius * half[1], d[2] * radius * half[2]];
  };
}

// Fine relief in metres that the mesh leaves out: grain, pits and a few cracks.
function relief(p, seed, { cracks = 1 }) {
  const [x, y, z] = p;
  const crack = Math.abs(octaves(x * 3.1, y * 3.1, z * 3.1, seed + 31, 3));
  return 0.016 * octaves(x * 9, y * 9, z * 9, seed + 30, 4) + 0.006 * noise(x * 60, y * 60, z * 60, seed + 33) -
         0.012 * cracks * (1 - smooth(0, 0.035, crack));
}

// sRGB, 0…255.
const stones = {
  granite: { base: [128, 124, 118], warm: [140, 128, 112], dark: [84, 82, 80], grain: 26 },
  limestone: { base: [158, 152, 138], warm: [164, 148, 120], dark: [108, 102, 92], grain: 10 },
  sandstone: { base: [150, 124, 98], warm: [160, 118, 82], dark: [104, 84, 68], grain: 14 },
};

function colour(p, up, height, seed, { stone, lichen = 0.4, moss = 0, bands = 0 }) {
  const [x, y, z] = p;
  const s = stones[stone];
  let c = blend(s.base, s.warm, smooth(-0.3, 0.5, octaves(x * 2.3, y * 2.3, z * 2.3, seed + 40, 3)));
  c = blend(c, s.dark, 0.75 * smooth(0.05, 0.5, octaves(x * 4.1, y * 2.0, z * 4.1, seed + 41, 4)));
  if (bands > 0) c = blend(c, s.dark, bands * smooth(0.1, 0.6, noise(x * 1.2, y * 26 + noise(x * 3, y * 3, z * 3, seed + 8), z * 1.2, seed + 42)));
  const grain = s.grain * noise(x * 130, y * 130, z * 130, seed + 43) + 0.6 * s.grain * noise(x * 55, y * 55, z * 55, seed + 44);
  c = c.map((v) => v * (1 + 12 * height) + grain);
  const crust = smooth(0.16, 0.24, octaves(x * 5, y * 5, z * 5, seed + 45, 4) - 0.22 * (1 - lichen) + 0.05 * up);
  c = blend(c, [158, 160, 138], 0.7 * crust);
  const orange = smooth(0.3, 0.36, octaves(x * 11, y * 11, z * 11, seed + 46, 3) - 0.15 * (1 - lichen));
  c = blend(c, [164, 128, 62], 0.55 * orange);
  if (moss > 0) {
    const cover = smooth(0.0, 0.35, up - 0.75 + moss + 0.75 * octaves(x * 3.3, y * 3.3, z * 3.3, seed + 47, 4));
    const green = blend([62, 76, 26], [104, 112, 44], smooth(-0.4, 0.4, noise(x * 70, y * 70, z * 70, seed + 48)));
    c = blend(c, green, 0.92 * cover);
  }
  return c;
}

// → { part without material, color(x, y), normal(x, y), width, height } with the pictures' pixels as [r, g, b, a].
export function rock(seed, shape, look, cells = 22, pixels = 128) {
  const point = surface(seed, shape);
  const positions = [], normals = [], uvs = [], indices = [];
  const inset = 2;  // pixels of a side beyond its edge, for filtering
  const grid = (row) => (side, a, b) => {
    const e = row, c = point(direction(side, a, b));
    const du = point(direction(side, a + e, b)).map((v, k) => v - point(direction(side, a - e, b))[k]);
    const dv = point(direction(side, a, b + e)).map((v, k) => v - point(direction(side, a, b - e))[k]);
    const n = unit([dv[1] * du[2] - dv[2] * du[1], dv[2] * du[0] - dv[0] * du[2], dv[0] * du[1] - dv[1] * du[0]]);
    return [c, n];
  };
  const vertex = grid(1 / cells), texel = grid(0.03);
  sides.forEach((side, f) => {
    const first = positions.length / 3;
    for (let j = 0; j <= cells; j++)
      for (let i = 0; i <= cells; i++) {
        const [p, n] = vertex(side, 2 * i / cells - 1, 2 * j / cells - 1);
        positions.push(...p);
        normals.push(...n);
        const place = (k, step) => (k * pixels + inset + step / cells * (pixels - 2 * inset));
        uvs.push(place(f % 3, i) / (3 * pixels), place(Math.floor(f / 3), j) / (2 * pixels));
        if (i < cells && j < cells) {
          const k = first + j * (cells + 1) + i, below = k + cells + 1;
          indices.push(k, below, k + 1, k + 1, below, below + 1);
        }
      }
  });

  // The pictures, side by side: three sides above, three below.
  const width = 3 * pixels, height = 2 * pixels;
  const color = new Uint8ClampedArray(width * height * 4), normal = new Uint8ClampedArray(width * height * 4);
  sides.forEach((side, f) => {
    const wide = pixels + 2;  // one more around, for the slopes
    const heights = new Float64Array(wide * wide), places = new Array(wide * wide), ups = new Float64Array(wide * wide);
    for (let j = 0; j < wide; j++)
      for (let i = 0; i < wide; i++) {
        const at = (k) => 2 * (k - 0.5 - inset) / (pixels - 2 * inset) - 1;
        const d = direction(side, at(i), at(j));
        const k = j * wide + i;
        places[k] = point(d);
        heights[k] = relief(places[k], seed, look);
        if (look.moss > 0) ups[k] = texel(side, at(i), at(j))[1][1];
      }
    for (let j = 1; j <= pixels; j++)
      for (let i = 1; i <= pixels; i++) {
        const k = j * wide + i;
        const slope = (a, b) => (heights[a] - heights[b]) / Math.max(1e-4, Math.hypot(...places[a].map((v, q) => v - places[b][q])));
        const n = unit([-slope(k + 1, k - 1), slope(k + wide, k - wide), 1]);
        const out = 4 * ((Math.floor(f / 3) * pixels + j - 1) * width + (f % 3) * pixels + i - 1);
        color.set([...colour(places[k], ups[k], heights[k], seed, look), 255], out);
        normal.set([...n.map((v) => 127.5 + 127.5 * v), 255], out);
      }
  });
  const pixel = (data) => (x, y) => data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4);
  return { part: { positions, normals, uvs, indices }, color: pixel(color), normal: pixel(normal), width, height };
}

// Seeded gradient noise in three dimensions, about -1…1: pictures baked from it have no seams on a closed surface.
const hash = (x, y, z, seed) => {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(z, 0x1b873593) ^ Math.imul(seed, 0x2545f491);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
};
const ease = (t) => t * t * t * (t * (6 * t - 15) + 10);
const mix = (a, b, t) => a + (b - a) * t;
// Perlin (2002): one of twelve directions to the edges of a cube at each corner.
const corner = (h, x, y, z) => {
  const k = h & 15, u = k < 8 ? x : y, v = k < 4 ? y : k === 12 || k === 14 ? x : z;
  return (k & 1 ? -u : u) + (k & 2 ? -v : v);
};

export function noise(x, y, z, seed) {
  const i = Math.floor(x), j = Math.floor(y), k = Math.floor(z);
  const a = x - i, b = y - j, c = z - k, u = ease(a), v = ease(b), w = ease(c);
  const a1 = a - 1, b1 = b - 1, c1 = c - 1, i1 = i + 1, j1 = j + 1, k1 = k + 1;
  return mix(mix(mix(corner(hash(i, j, k, seed), a, b, c), corner(hash(i1, j, k, seed), a1, b, c), u),
                 mix(corner(hash(i, j1, k, seed), a, b1, c), corner(hash(i1, j1, k, seed), a1, b1, c), u), v),
             mix(mix(corner(hash(i, j, k1, seed), a, b, c1), corner(hash(i1, j, k1, seed), a1, b, c1), u),
                 mix(corner(hash(i, j1, k1, seed), a, b1, c1), corner(hash(i1, j1, k1, seed), a1, b1, c1), u), v), w);
}

export function octaves(x, y, z, seed, count) {
  let sum = 0, size = 1, weight = 0;
  for (let o = 0; o < count; o++, size *= 0.5) {
    const f = 1 / size;
    sum += size * noise(x * f, y * f, z * f, seed + 17 * o);
    weight += size;
  }
  return sum / weight;
}

// Writes PNG pictures (8-bit RGBA, no filter) and reads those of the ez-tree package.
import { deflateSync, inflateSync } from 'node:zlib';

const table = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
function crc32(bytes) {  // zlib's own is there from Node 20 on only; Debian 12 has 18
  let c = 0xffffffff;
  for (const byte of bytes) c = table[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function chunk(type, body) {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'ascii');
  body.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)) >>> 0, 8 + body.length);
  return out;
}

// pixel(x, y) returns [r, g, b, a] in 0…255.
export function png(width, height, pixel) {
  const raw = Buffer.alloc(height * (1 + 4 * width));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) raw.set(pixel(x, y).map((v) => Math.max(0, Math.min(255, Math.round(v)))), y * (1 + 4 * width) + 1 + 4 * x);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk('IHDR', header), chunk('IDAT', deflateSync(raw, { level: 6 })), chunk('IEND', Buffer.alloc(0))]);
}

// Reads a PNG of 8 bits a sample (RGB, RGBA or palette), not interlaced → { width, height, pixel(x, y) → [r, g, b, a] }.
export function readPng(bytes, name) {
  const width = bytes.readUInt32BE(16), height = bytes.readUInt32BE(20), [depth, kind, , , interlaced] = bytes.subarray(24, 29);
  if (depth !== 8 || ![2, 3, 6].includes(kind) || interlaced) throw new Error(`${name}: only 8-bit RGB, RGBA and palette pictures without interlacing are read`);
  const body = [];
  let palette, clear = [];  // clear: the palette's opacities, those not named are opaque
  for (let at = 8; at < bytes.length;) {
    const size = bytes.readUInt32BE(at);
    const type = bytes.toString('ascii', at + 4, at + 8), content = bytes.subarray(at + 8, at + 8 + size);
    if (type === 'IDAT') body.push(content);
    if (type === 'PLTE') palette = content;
    if (type === 'tRNS') clear = content;
    at += 12 + size;
  }
  const raw = inflateSync(Buffer.concat(body)), n = { 2: 3, 3: 1, 6: 4 }[kind], row = width * n;
  const out = new Uint8Array(height * row);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let k = 0; k < row; k++) {
      const i = y * row + k;
      const left = k >= n ? out[i - n] : 0, up = y > 0 ? out[i - row] : 0, corner = k >= n && y > 0 ? out[i - row - n] : 0;
      let guess = [0, left, up, (left + up) >> 1][filter];
      if (filter === 4) {  // Paeth
        const p = left + up - corner, a = Math.abs(p - left), b = Math.abs(p - up), c = Math.abs(p - corner);
        guess = a <= b && a <= c ? left : b <= c ? up : corner;
      }
      out[i] = raw[y * (row + 1) + 1 + k] + guess;
    }
  }
  const pixel = (x, y) => {
    const i = y * row + x * n;
    if (kind === 3) return [...palette.subarray(3 * out[i], 3 * out[i] + 3), clear[out[i]] ?? 255];
    return [out[i], out[i + 1], out[i + 2], n === 4 ? out[i + 3] : 255];
  };
  return { width, height, pixel };
}

// The same picture in other colours: its light and shade from `dark` to `light` (sRGB), `share` of the way.
export function recoloured({ width, height, pixel }, dark, light, share = 1) {
  return png(width, height, (x, y) => {
    const [r, g, b, a] = pixel(x, y);
    const bright = Math.max(r, g, b) / 255;
    const to = (v, k) => v + share * (dark[k] + (light[k] - dark[k]) * bright - v);
    return [to(r, 0), to(g, 1), to(b, 2), a];
  });
}

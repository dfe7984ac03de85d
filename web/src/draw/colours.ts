/** Colours of numbers and of classes. A colour is [r, g, b], 0…255. */
export type Rgb = readonly [number, number, number];

export interface ClassInfo {
  id: number;
  name: string;
  color: Rgb;
  ignore: boolean;
}

function anchors(hex: string): Rgb[] {
  return hex.split(" ").map((word) => {
    const value = parseInt(word, 16);
    return [value >> 16, (value >> 8) & 255, value & 255] as const;
  });
}

/** Evenly spaced stops of matplotlib's viridis and Google's turbo. */
const STOPS = {
  viridis: anchors("440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725"),
  turbo: anchors("30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3b d1e834 f3c63a fe9b2d f36315 d93806 b11901 7a0402"),
} as const;
export type ColourMapName = keyof typeof STOPS;

/** 256 colours, 3 bytes each, of a colour map. */
export function colourTable(name: ColourMapName): Uint8Array {
  const stops = STOPS[name];
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; ++i) {
    const position = (i / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(position), stops.length - 2);
    for (let channel = 0; channel < 3; ++channel) {
      const [a, b] = [stops[low][channel], stops[low + 1][channel]];
      table[3 * i + channel] = Math.round(a + (b - a) * (position - low));
    }
  }
  return table;
}

/** Writes the colour of each value into `out` (3 bytes a value); values at and beyond the ends take the end's colour. */
export function colourValues(values: ArrayLike<number>, count: number, low: number, high: number, table: Uint8Array, out: Uint8Array, stride = 1, offset = 0): void {
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < count; ++i) {
    const at = 3 * Math.max(0, Math.min(255, Math.round((values[i * stride + offset] - low) * scale)) || 0);
    out[3 * i] = table[at];
    out[3 * i + 1] = table[at + 1];
    out[3 * i + 2] = table[at + 2];
  }
}

export const UNKNOWN_CLASS: Rgb = [128, 128, 128];

/** 256 colours, 3 bytes each: an ontology's colour at the class's id, grey where there is no class. */
export function classTable(classes: readonly ClassInfo[]): Uint8Array {
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; ++i) table.set(UNKNOWN_CLASS, 3 * i);
  for (const one of classes) if (one.id >= 0 && one.id < 256) table.set(one.color, 3 * one.id);
  return table;
}

/** Class ids → opaque RGBA pixels. */
export function paintClasses(ids: Uint8Array, table: Uint8Array, out: Uint8ClampedArray): void {
  for (let i = 0; i < ids.length; ++i) {
    const at = 3 * ids[i];
    out[4 * i] = table[at];
    out[4 * i + 1] = table[at + 1];
    out[4 * i + 2] = table[at + 2];
    out[4 * i + 3] = 255;
  }
}

export function cssColour([r, g, b]: Rgb): string {
  return `rgb(${r}, ${g}, ${b})`;
}

/** The values below which `lowShare` and `highShare` of a sample lie: a range that single stray points do not stretch. */
export function robustRange(values: ArrayLike<number>, count: number, stride = 1, offset = 0, lowShare = 0.02, highShare = 0.98): [number, number] {
  const step = Math.max(1, Math.floor(count / 1000));
  const sample: number[] = [];
  for (let i = 0; i < count; i += step) sample.push(values[i * stride + offset]);
  if (sample.length === 0) return [0, 1];
  sample.sort((a, b) => a - b);
  const at = (share: number) => sample[Math.min(sample.length - 1, Math.floor(share * sample.length))];
  return [at(lowShare), at(highShare)];
}

/** Where an estimate departs from the truth. */

/** Ids of classes that do not count, as a table: 1 at such an id. What no ontology knows (255) does not count either. */
export function ignoredTable(classes: readonly { id: number; ignore: boolean }[]): Uint8Array {
  const table = new Uint8Array(256);
  if (classes.length > 0) table.fill(1);
  for (const one of classes) if (one.id >= 0 && one.id < 256) table[one.id] = one.ignore ? 1 : 0;
  table[255] = 1;
  return table;
}

export interface Difference {
  /** Pixels that count. */
  counted: number;
  /** Of these, those where the two agree. */
  equal: number;
}

export interface Mask {
  width: number;
  height: number;
  ids: Uint8Array;
}

/** A mask at another size, by the nearest pixel; the same object if the size is right already. */
export function resized(mask: Mask, width: number, height: number): Mask {
  if (mask.width === width && mask.height === height) return mask;
  const ids = new Uint8Array(width * height);
  for (let v = 0; v < height; ++v) {
    const row = Math.min(mask.height - 1, Math.floor(((v + 0.5) * mask.height) / height)) * mask.width;
    for (let u = 0; u < width; ++u) {
      ids[v * width + u] = mask.ids[row + Math.min(mask.width - 1, Math.floor(((u + 0.5) * mask.width) / width))];
    }
  }
  return { width, height, ids };
}

/**
 * Compares two masks of one moment at the truth's size and paints the result as RGBA: right pixels in the truth's
 * colour, darkened to a fifth; wrong ones in the colour of the estimated class; what does not count in grey.
 */
export function compareMasks(truth: Mask, estimate: Mask, table: Uint8Array, ignored: Uint8Array, out: Uint8ClampedArray): Difference {
  const estimated = resized(estimate, truth.width, truth.height).ids;
  let counted = 0;
  let equal = 0;
  for (let i = 0; i < truth.ids.length; ++i) {
    const [wanted, got] = [truth.ids[i], estimated[i]];
    let r = 70;
    let g = 70;
    let b = 70;
    if (ignored[wanted] === 0) {
      ++counted;
      if (wanted === got) {
        ++equal;
        r = table[3 * wanted] / 5 + 12;
        g = table[3 * wanted + 1] / 5 + 12;
        b = table[3 * wanted + 2] / 5 + 12;
      } else {
        r = table[3 * got];
        g = table[3 * got + 1];
        b = table[3 * got + 2];
      }
    }
    out[4 * i] = r;
    out[4 * i + 1] = g;
    out[4 * i + 2] = b;
    out[4 * i + 3] = 255;
  }
  return { counted, equal };
}

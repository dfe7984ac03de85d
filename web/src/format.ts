/** Numbers as people read them. A missing value is a dash. */
const DASH = "–";

export function fixed(value: number | null | undefined, digits: number, unit = ""): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  return value.toFixed(digits).replace("-", "\u2212") + (unit && `\u2009${unit}`);
}

/** Whole numbers with their thousands parted. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : value.toLocaleString("en");
}

export function percent(share: number | null | undefined, digits = 1): string {
  return fixed(share === null || share === undefined ? share : 100 * share, digits, "%");
}

/** Seconds as m:ss.s, or h:mm:ss.s. */
export function clock(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  const tenths = Math.max(0, Math.floor(seconds * 10 + 1e-6));
  const s = Math.floor(tenths / 10) % 60;
  const m = Math.floor(tenths / 600) % 60;
  const hours = Math.floor(tenths / 36000);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${hours > 0 ? `${hours}:${two(m)}` : m}:${two(s)}.${tenths % 10}`;
}

export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    ++unit;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)}\u2009${units[unit]}`;
}

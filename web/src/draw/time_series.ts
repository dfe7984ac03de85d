/** Values over time, kept for a window; the ground of the charts. */
export class TimeSeries {
  readonly times: number[] = [];
  readonly values: number[] = [];

  constructor(readonly windowS: number) {}

  /** A time before the last one (a bag sought back, a simulation begun anew) forgets what came after it. */
  push(timeS: number, value: number): void {
    while (this.times.length > 0 && this.times[this.times.length - 1] > timeS) {
      this.times.pop();
      this.values.pop();
    }
    if (this.times[this.times.length - 1] === timeS) {
      this.values[this.values.length - 1] = value;
      return;
    }
    this.times.push(timeS);
    this.values.push(value);
    let old = 0;
    while (this.times[old] < timeS - this.windowS) ++old;
    if (old > 0) {
      this.times.splice(0, old);
      this.values.splice(0, old);
    }
  }

  get last(): number | undefined {
    return this.values[this.values.length - 1];
  }
}

/** The largest value, unless a few stand out by far (a first frame that warms up): then a little more than the rest. */
export function usualTop(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const largest = sorted[sorted.length - 1];
  const usual = sorted[Math.floor(0.98 * (sorted.length - 1))];
  return largest > 3 * usual && usual > 0 ? 1.3 * usual : largest;
}

/** Ends and spacing of an axis that holds [low, high] with at most `count` steps of 1, 2 or 5 times a power of ten. */
export function niceAxis(low: number, high: number, count: number): { low: number; high: number; step: number } {
  const span = high > low ? high - low : Math.abs(low) || 1;
  const raw = span / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw * 0.999)!;
  return { low: Math.floor(low / step + 1e-9) * step, high: Math.ceil((high > low ? high : low + span) / step - 1e-9) * step, step };
}

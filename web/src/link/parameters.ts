/** The server's parameters, kept up to date. A source has only some of them: what is absent is not offered. */
import type { FoxgloveClient, ParameterValue } from "./foxglove.ts";

export class Parameters {
  private readonly values = new Map<string, ParameterValue>();
  private readonly listeners: (() => void)[] = [];

  constructor(private readonly client: FoxgloveClient) {
    client.stateChanged.add((state) => {
      if (state.kind !== "open") return;
      this.values.clear(); // perhaps another source under the same address
      this.tell();
    });
    client.parameterChanged.add(({ name, value }) => {
      this.values.set(name, value);
      this.tell();
    });
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }
  has(name: string): boolean {
    return this.values.has(name);
  }
  text(name: string): string | null {
    const value = this.values.get(name);
    return typeof value === "string" ? value : null;
  }
  number(name: string): number | null {
    const value = this.values.get(name);
    return typeof value === "number" ? value : null;
  }
  boolean(name: string): boolean | null {
    const value = this.values.get(name);
    return typeof value === "boolean" ? value : null;
  }
  texts(name: string): string[] {
    const value = this.values.get(name);
    return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
  }
  set(name: string, value: ParameterValue): void {
    this.client.setParameter(name, value);
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

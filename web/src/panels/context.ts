/** What the panels share. */
import type { ClassInfo } from "../draw/colours.ts";
import type { PictureStreams } from "../draw/pictures.ts";
import type { FoxgloveClient } from "../link/foxglove.ts";
import type { Status } from "../link/status.ts";

export interface Context {
  client: FoxgloveClient;
  pictures: PictureStreams;
  ontology: Ontology;
  /** The newest status, null before the first and while there is no connection. */
  status(): Status | null;
  /** Told of every new status. */
  onStatus(listener: (status: Status) => void): void;
}

/** The classes, as soon as the server has told them. */
export class Ontology {
  classes: readonly ClassInfo[] = [];
  private readonly listeners: (() => void)[] = [];

  set(classes: readonly ClassInfo[]): void {
    this.classes = classes;
    for (const listener of this.listeners) listener();
  }
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }
  nameOf(id: number): string {
    return this.classes.find((one) => one.id === id)?.name ?? (id === 255 ? "unlabelled" : `class ${id}`);
  }
}

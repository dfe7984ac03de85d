/** What the server says of itself ten times a second (/bramble/status, docs/live_protocol.md). */
export interface Score {
  frames: number;
  accuracy: number;
  miou: number;
  iou: Record<string, number | null>;
}

export interface Status {
  frame: number;
  stamp_s: number;
  rate_hz: number | null;
  realtime_factor: number | null;
  speed_mps: number | null;
  x_m: number | null;
  y_m: number | null;
  yaw_rad: number | null;
  driver: string | null;
  paused: boolean;
  speed: number | null;
  world: string | null;
  weather: string | null;
  sun_elevation_deg: number | null;
  recording: { active: boolean; name: string; messages: number; bytes: number } | null;
  timings_ms: Record<string, number>;
  quality?: string | null;
  skipped: number;
  notice?: string;
  ended?: boolean;
  clients: number;
  source: "sim" | "bag" | "ros";
  bag: { position_s: number; duration_s: number; name?: string } | null;
  score: Score | null;
}

/** What the server says of itself ten times a second (/bramble/status, docs/live_protocol.md); null is what it does not know. */
export interface Score {
  frames: number;
  accuracy: number;
  miou: number;
  iou: Record<string, number | null>;
}

export interface Status {
  frame: number | null;
  stamp_s: number | null;
  rate_hz: number | null;
  realtime_factor: number | null;
  speed_mps: number | null;
  x_m: number | null;
  y_m: number | null;
  yaw_rad: number | null;
  driver: string | null;
  paused: boolean | null;
  speed: number | null;
  world: string | null;
  weather: string | null;
  sun_elevation_deg: number | null;
  recording: { active: boolean; name: string; messages: number; bytes: number } | null;
  timings_ms: Record<string, number> | null;
  quality?: string | null;
  skipped: number | null;
  notice?: string | null;
  ended?: boolean | null;
  clients: number | null;
  source: "sim" | "bag" | "ros";
  bag: { position_s: number; duration_s: number; name?: string } | null;
  score?: Score | null;
}

/** How long a stream may be silent. */

import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";

const DEFAULT_HEARTBEAT_MS = 15_000; // That of the contract, when the request sets none.
const SILENT_INTERVALS = 3;

/** Return the longest silence of a stream that was asked for heartbeats at this interval. */
export function silenceLimitMs(heartbeatInterval: Duration | undefined): number {
  return SILENT_INTERVALS * ((heartbeatInterval && durationMs(heartbeatInterval)) || DEFAULT_HEARTBEAT_MS);
}

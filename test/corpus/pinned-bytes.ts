/**
 * For each capture: how many bytes are compared, and how many the original never defines (padding lanes of a vector's
 * last packet, before the lane has loaded anything). Neither depends on the schedule.
 *
 * A port that defined fewer bytes would match more easily: an unexplained change here is a bug.
 */
export const PINNED_BYTES: Readonly<Record<string, readonly [compared: number, notDefined: number]>> = {
  'all-to-all/ep1-f16x122880-max': [1527808, 0],
  'all-to-all/ep1-f16x288': [62528, 13440],
  'all-to-all/ep1-f16x8': [6368, 1904],
  'all-to-all/ep2-bf16x2048-sequence-call0': [131072, 0],
  'all-to-all/ep2-bf16x2048-sequence-call1': [188416, 0],
  'all-to-all/ep2-bf16x2048-sequence-call2': [163840, 0],
  'all-to-all/ep2-bf16x2048-sequence-call3': [217088, 0],
  'all-to-all/ep2-bf16x2048-sequence-call4': [282624, 0],
  'all-to-all/ep2-bf16x2048-sequence-call5': [307200, 0],
  'all-to-all/ep2-bf16x512-132sm': [565376, 172928],
  'all-to-all/ep2-bf16x62400-wrap': [4926848, 0],
  'all-to-all/ep2-bf16x7168': [284672, 0],
  'all-to-all/ep2-f16x8': [30912, 26656],
  'all-to-all/ep3-u8x1904-strided': [185856, 512],
  'all-to-all/ep4-bf16x960-edge1920': [265600, 0],
  'all-to-all/ep4-bf16x968-edge1936': [565296, 0],
  'all-to-all/ep4-f32x4-none-from-rank1': [48256, 38080],
  'all-to-all/ep8-f16x64': [320512, 329728],
  'hang/rank-2-not-launched': [27136, 3584],
  'hang/ranks-serialised-on-one-stream': [10496, 1792],
  'hang/receiver-expects-one-more': [740352, 0],
  'hang/self-traffic-only': [39552, 11648],
  'hang/sender-has-more-than-fifo-depth': [1335424, 0],
  'hang/sender-has-one-more-fits-fifo': [681984, 0],
  'hang/serialised-but-one-way-fits-fifo': [9472, 1792],
  'hang/serialised-one-way-receiver-first': [3072, 0],
  // Two heads and two tails count for ever.
  'hang/vector-129-packets': [499712, 0],
  'hang/workspace-dirty-fifo-full': [14592, 1792],
  'hang/workspace-dirty-head-and-tail-equal': [16896, 3584],
  'hang/workspace-dirty-head': [16896, 3584],
  'hang/workspace-dirty-tail-ahead': [16896, 3584],
  'local-gather/ep2-k1-t9-none': [144, 0],
  'local-gather/ep3-k32-t20': [15360, 0],
  'local-gather/ep4-k6-t50-full': [9600, 0],
  'local-gather/ep64-k17-t8': [69632, 0],
  'local-gather/ep8-k4-t3': [768, 0],
  'local-gather/ep8-k8-t32': [16384, 0],
  'prepare-indices/ep1-k1-t5': [88, 0],
  'prepare-indices/ep1024-k8-r1000-t2': [40960, 0],
  'prepare-indices/ep16-k6-r5-t64-real-zero': [16512, 0],
  'prepare-indices/ep2-k2-r1-t33': [1072, 0],
  'prepare-indices/ep33-k16-r32-t70': [37224, 0],
  'prepare-indices/ep4-k3-r2-t100-real': [6432, 0],
  'prepare-indices/ep5-k32-r2-t40': [11880, 0],
  'prepare-indices/ep64-k8-r40-t16': [16896, 0],
  'prepare-indices/ep72-k9-r71-t9-real': [10944, 0],
  'prepare-indices/ep8-k4-r0-t3': [448, 0],
  'prepare-indices/ep8-k4-r1-t3-real': [448, 0],
  'prepare-indices/ep8-k4-r2-t200-outofrange': [25664, 0],
  'prepare-indices/ep8-k8-r3-t128': [16448, 0],
  'prepare-indices/ep8-k8-r7-t1025': [131264, 0],
};

/** What a replay of a capture must give, under any schedule under which the call ends. */
export function pinnedMatch(name: string) {
  const [comparedBytes, undefinedBytes] = PINNED_BYTES[name] ?? [];
  return {
    problem: null,
    result: 'match',
    outcome: { verdict: 'completes' },
    comparison: { comparedBytes, differingBytes: 0, undefinedBytes },
  };
}

import { describe, expect, test } from 'vitest';
import { channelCountReference, workspaceBytesReference } from '../../src/reference/index.js';

describe('channels', () => {
  test.each([
    { epSize: 1, smCount: 132, channels: 33, why: '66 SMs, 2 blocks a channel' },
    { epSize: 8, smCount: 132, channels: 33, why: '8 peers still fit one block' },
    { epSize: 9, smCount: 132, channels: 16, why: '9 peers take two: 66 SMs, 4 blocks a channel' },
    { epSize: 72, smCount: 132, channels: 3, why: '66 SMs, 18 blocks a channel' },
    { epSize: 528, smCount: 132, channels: 1, why: 'one channel takes all SMs, not half' },
    { epSize: 8, smCount: 3, channels: 1, why: 'half of 3 SMs is 1, less than a channel' },
    { epSize: 8, smCount: 2, channels: 1, why: 'just enough for a channel' },
  ])('$epSize ranks on $smCount SMs: $channels ($why)', ({ epSize, smCount, channels }) => {
    expect(channelCountReference(epSize, smCount)).toBe(channels);
  });

  test.each([
    { epSize: 8, smCount: 1 },
    { epSize: 529, smCount: 132 },
    { epSize: 0, smCount: 132 },
    { epSize: 1025, smCount: 10_000 },
  ])('refuses $epSize ranks on $smCount SMs', ({ epSize, smCount }) => {
    expect(() => channelCountReference(epSize, smCount)).toThrow(RangeError);
  });

  test('a workspace has 8 entries of 256 KiB and a record of 256 bytes for each peer and channel', () => {
    expect(workspaceBytesReference(1, 1)).toBe(8 * 262144 + 256);
    expect(workspaceBytesReference(4, 3)).toBe(12 * (8 * 262144 + 256));
    // From here on the original's 32-bit product is not the size any more.
    expect(workspaceBytesReference(1024, 1)).toBe(2 ** 31 + 1024 * 256);
  });
});

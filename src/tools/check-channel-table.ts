import type { ChannelTable } from '../capture/index.js';
import { MoeCommHost } from '../kernels/index.js';

/** A value of a channel table that the host code computes otherwise. */
export interface ChannelTableDifference {
  readonly epSize: number;
  readonly what: 'channel count' | 'workspace bytes per rank';
  readonly expected: number;
  readonly got: number;
}

/** The values of a channel table that the host code computes otherwise, in the table's order. @throws HostCheckError as the host code does. */
export function checkChannelTable({ maxUsableSmCount, rows }: ChannelTable): ChannelTableDifference[] {
  const differences: ChannelTableDifference[] = [];
  const host = new MoeCommHost({ multiProcessorCount: maxUsableSmCount });
  for (const [epSize, { channelCount, workspaceBytesPerRank }] of rows) {
    const channels = host.getMoeCommChannelCount(epSize);
    if (channels !== channelCount) {
      differences.push({ epSize, what: 'channel count', expected: channelCount, got: channels });
    }
    const bytes = Number(host.getMoeCommWorkspaceSize(epSize));
    if (bytes !== workspaceBytesPerRank) {
      differences.push({ epSize, what: 'workspace bytes per rank', expected: workspaceBytesPerRank, got: bytes });
    }
  }
  return differences;
}

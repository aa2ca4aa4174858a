import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressSpace } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { range } from './support.js';

interface Piece {
  readonly base: number;
  readonly bytes: number;
}

/** The piece that holds an address, by looking at each. */
type Find = (pieces: readonly Piece[], address: number) => Piece | undefined;

const findByHand: Find = (pieces, address) =>
  pieces.find(({ base, bytes }) => base <= address && address < base + bytes);

const overlap = (a: Piece, b: Piece): boolean => a.base < b.base + b.bytes && b.base < a.base + a.bytes;

describeProperty<Find>(
  'allocations in any order are found by address, and none overlaps another',
  (find) =>
    fc.property(
      fc.array(fc.record({ base: fc.nat(12).map((n) => 8 * n), bytes: fc.integer({ min: 1, max: 40 }) }), {
        maxLength: 8,
      }),
      (pieces) => {
        const space = new AddressSpace('global');
        const held: Piece[] = [];
        for (const [index, piece] of pieces.entries()) {
          const allocate = () => space.allocate({ name: `${index}`, ...piece, defined: true });
          if (held.some((other) => overlap(piece, other))) expect(allocate).toThrow(`allocation '${index}' at`);
          else {
            allocate();
            held.push(piece);
          }
        }
        const bases = held.map(({ base }) => base).sort((a, b) => a - b);
        expect(space.allocations.map(({ base }) => base)).toEqual(bases);
        expect(space.endAddress).toBe(Math.max(0, ...held.map(({ base, bytes }) => base + bytes)));
        for (const address of range(150)) {
          const found = space.find(address);
          const expected = find(held, address);
          if (found?.base !== expected?.base || found?.bytes !== expected?.bytes) throw new Error(`at ${address}`);
        }
      },
    ),
  findByHand,
  {
    'the end belongs to it': (pieces, address) => findByHand(pieces, address) ?? findByHand(pieces, address - 1),
    'the first byte does not': (pieces, address) => findByHand(pieces, address - 1) && findByHand(pieces, address),
    'the first allocation only': (pieces, address) => findByHand(pieces.slice(0, 1), address),
  },
);

describe('an allocation', () => {
  test.each([
    [0, 8, false],
    [8, 8, true],
    [0, 9, true],
    [24, 8, true],
    [32, 8, false],
    [0, 64, true],
  ])('at %i of %i bytes overlaps one at 8 of 24 bytes: %s', (base, bytes, overlaps) => {
    const space = new AddressSpace('global');
    space.allocate({ name: 'first', base: 8, bytes: 24, defined: true });
    const allocate = () => space.allocate({ name: 'second', base, bytes, defined: true });
    if (overlaps)
      expect(allocate).toThrow(new RangeError(`allocation 'second' at 0x${base.toString(16)} overlaps another`));
    else expect(allocate().name).toBe('second');
  });
});

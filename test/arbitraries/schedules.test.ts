import { describe, expect, test } from 'vitest';
import { schedules } from '../../src/arbitraries/index.js';
import { samples } from './samples.js';

const TOKEN =
  /^(rr|blocked|random:(?<seed>\d+))(,granule=(32|8|1))?(,resident=(?<resident>\d+))?(,order=(linear|reverse|shuffle:(?<orderSeed>\d+)))?$/;

describe('schedules', () => {
  const tokens = samples(schedules(), 1000);

  test('every token follows the grammar', () => {
    for (const token of tokens) {
      const { seed, resident, orderSeed } = TOKEN.exec(token)?.groups ?? {};
      expect(token).toMatch(TOKEN);
      for (const number of [seed, orderSeed]) expect(Number(number ?? 0)).toBeLessThan(2 ** 32);
      if (resident !== undefined) expect(Number(resident)).toBeGreaterThanOrEqual(1);
    }
  });

  test.each([
    'rr',
    'blocked',
    'random:',
    'granule=32',
    'granule=8',
    'granule=1',
    'resident=1',
    'resident=64',
    'order=linear',
    'order=reverse',
    'order=shuffle:',
  ])('%s comes up', (part) => {
    expect(tokens.some((token) => token.includes(part))).toBe(true);
  });

  test('options leave parts out', () => {
    const options = { policies: ['random', 'rr'], granules: [32], resident: false, orders: [] } as const;
    for (const token of samples(schedules(options), 200)) expect(token).toMatch(/^(rr|random:\d+)(,granule=32)?$/);
    for (const token of samples(schedules({ granules: [], maxResident: 2 }), 200)) {
      expect(token).not.toMatch(/granule/);
      expect(token).not.toMatch(/resident=([3-9]|\d\d)/);
    }
  });
});

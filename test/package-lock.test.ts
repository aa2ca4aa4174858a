import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot } from './support/files.js';

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly resolved?: string;
}

const { packages } = JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

/** Whether the package `name`, needed by the package at `path`, has an entry there or in a folder further up. */
function isLocked(name: string, path: string): boolean {
  if (`${path === '' ? '' : `${path}/`}node_modules/${name}` in packages) return true;
  if (path === '') return false;
  const parent = path.lastIndexOf('/node_modules/');
  return isLocked(name, parent < 0 ? '' : path.slice(0, parent));
}

// A registry that lacks the binary of one platform makes `npm install` leave it out without a word; `npm ci` then refuses
// the whole lock. A version of the package whose binaries all exist is the way out.
test('package-lock.json holds every dependency, those of other platforms too', () => {
  const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.entries({ ...dependencies, ...optionalDependencies })
      .filter(([name]) => !isLocked(name, path))
      .map(([name, version]) => `${path} needs ${name} ${version}`),
  );
  expect(missing).toEqual([]);
});

test('package-lock.json names no registry', () => {
  expect(Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined)).toEqual([]);
});

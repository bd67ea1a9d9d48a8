// The version, from package.json: found by the package's own name, which holds in the sources and in the build.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export function version(): string {
  const file = createRequire(import.meta.url).resolve('migratefs/package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

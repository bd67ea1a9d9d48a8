// Where things lie: the benchmark runs from dist/bench, what it uses lies in the project's folder.

import { fileURLToPath } from 'node:url';

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const program = fromRoot('bin/migratefs.js');
export const guardScript = fromRoot('test/mounted/guard.sh');
export const hotSource = fromRoot('bench/hot.c');
export const notedRatios = fromRoot('bench/smoke.json');
export const reportFolder = fromRoot('bench/report');

/**
 * Which known word somebody has meant who wrote another one.
 */

/** At most one character more, less or other; case and dashes aside. */
export function isNear(a: string, b: string): boolean {
  const [x, y] = [plain(a), plain(b)];
  if (Math.abs(x.length - y.length) > 1 || Math.min(x.length, y.length) < 3) return false;
  let front = 0;
  while (front < Math.min(x.length, y.length) && x[front] === y[front]) front++;
  let back = 0;
  while (back < Math.min(x.length, y.length) - front && x.at(-1 - back) === y.at(-1 - back)) back++;
  return Math.max(x.length, y.length) - front - back <= 1;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

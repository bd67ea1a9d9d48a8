// Numbers as people read them.

/** Three digits that mean something, thousands apart; a dash for none. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', {
    minimumFractionDigits: 0,
    maximumFractionDigits: Math.min(digits, 6),
  });
}

export const ratio = (value: number): string => (Number.isFinite(value) ? `${value.toPrecision(3)} ×` : '–');

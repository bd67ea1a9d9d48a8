// A difference as a person reads it, and as MIGRATEFS_DIFFERENTIAL_REPLAY takes it.

import type { Entry } from './layout.ts';
import { quoted } from './names.ts';
import type { Case } from './reduce.ts';
import type { Operation, Target } from './side.ts';

function target({ at, path }: Target): string {
  return at < 0 ? quoted(path) : `slot ${at}/${quoted(path)}`;
}

function operationLine({ call, as, targets, slots, numbers, text }: Operation): string {
  const shown = [
    ...targets.map(target),
    ...(text === '' ? [] : [quoted(text)]),
    ...numbers.map((n) =>
      /^(?:open|reopen|mkdir|mknod|f?chmod|umask)$/.test(call) ? `0${n.toString(8)}` : `${n}`,
    ),
  ];
  const on = slots.length === 0 ? '' : ` @ slot ${slots.join(' → ')}`;
  return `${call}(${shown.join(', ')})${on}${as === 0 ? '' : ` as ${as}`}`;
}

function entryLine(each: Entry): string {
  const what =
    each.kind === 'file' ? ` ${each.size} bytes` : each.kind === 'link' ? ` → ${quoted(each.target)}` : '';
  const where = each.layer === 0 ? 'upper ' : `lower${each.layer}`;
  return `${where} ${quoted(each.path)} ${each.kind}${what} 0${each.mode.toString(8)} ${each.uid}:${each.gid}${each.xattr === '' ? '' : ' user.a'}${each.group === 0 ? '' : ` object ${each.group}`}`;
}

export function describeCase({ layout, operations, difference }: Case): string {
  return [
    'layers:',
    ...layout.map((each) => `  ${entryLine(each)}`),
    'operations (the last one differs; umask 022):',
    ...operations.map((each) => `  ${operationLine(each)}`),
    `plain:  ${difference.expected}`,
    `merged: ${difference.got}`,
    `replay: ${JSON.stringify({ layout, operations })}`,
  ].join('\n');
}

// Defect 22: file names went into the log as they were: a newline forged lines, escape codes reached the terminal.

import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { join, mountTest } from './support.ts';

const FORGED = 'time=2020-01-01T00:00:00.000Z level=error event=forged path=/etc/passwd';

/** Name → how the log has it, quotes included. */
const NAMES: [name: Buffer, logged: string][] = [
  [Buffer.from('plain'), '/d/plain'],
  [Buffer.from('two words'), '"/d/two words"'],
  [Buffer.from(`line\n${FORGED.replaceAll('/', '|')}`), `"/d/line\\n${FORGED.replaceAll('/', '|')}"`],
  [Buffer.from('quote" level=error event=forged x="'), '"/d/quote\\" level=error event=forged x=\\""'],
  [Buffer.from('back\\slash\\'), '"/d/back\\\\slash\\\\"'],
  [Buffer.from('\r\tcr and tab'), '"/d/\\r\\tcr and tab"'],
  [Buffer.from('\x1b[2J\x1b]0;title\x07'), '"/d/\\x1b[2J\\x1b]0;title\\x07"'],
  [Buffer.from([0x61, 0xff, 0xfe, 0xc3, 0x28, 0x62]), '"/d/a\\xff\\xfe\\xc3(b"'],
  [Buffer.from([0xc0, 0x8a, 0xed, 0xa0, 0x80]), '"/d/\\xc0\\x8a\\xed\\xa0\\x80"'],
  [Buffer.from('right-to-left \u202e txt.exe'), '"/d/right-to-left \\u{202e} txt.exe"'],
  [Buffer.from('line\u2028separator\u0085next'), '"/d/line\\u{2028}separator\\u{85}next"'],
  [Buffer.from('\x7f\x9b'.replace('\x9b', '\u009b')), '"/d/\\x7f\\u{9b}"'],
  [Buffer.from('größe 大きさ'), '"/d/größe 大きさ"'],
];

await mountTest(
  t,
  '22: whatever a file is called, it is one line of the log, escaped',
  {
    root: true,
    prepare: ({ lower: [lower], upper }) => {
      mkdirSync(`${lower}/d`);
      for (const [name] of NAMES) writeFileSync(join(`${lower}/d`, name), 'content');
      // A name that hides a tree is logged when it goes.
      mkdirSync(`${lower}/h\n${'forged'}/deep`, { recursive: true });
      writeFileSync(`${upper}/h\n${'forged'}`, 'above');
    },
  },
  (t, m) => {
    for (const [name] of NAMES) {
      const path = join(`${m.mnt}/d`, name);
      closeSync(openSync(path, 'r+'));
      t.equal(readFileSync(join(`${m.upper}/d`, name), 'utf8'), 'content');
    }
    renameSync(`${m.mnt}/h\nforged`, `${m.mnt}/away`);
    const log = readFileSync(`${m.dir}/log`);
    const text = log.toString('utf8');
    t.ok(Buffer.from(text).equals(log), 'the log is UTF-8');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
    t.notMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/, 'without controls');
    t.ok(text.endsWith('\n'));
    const lines = text.slice(0, -1).split('\n');
    for (const line of lines) t.match(line, /^time=20\d\d-\S+Z level=(?:info|warn) event=[\w-]+(?: |$)/);
    const migrated = lines.filter((line) => / event=migrated /.test(line));
    t.same(
      migrated.map((line) => / path=("(?:[^"\\]|\\.)*"|\S+) /.exec(line)?.[1]),
      NAMES.map(([, logged]) => logged),
      'one line for each, in order',
    );
    t.notOk(lines.some((line) => / event=forged| level=error/.test(line.replace(/"(?:[^"\\]|\\.)*"/g, ''))));
    t.ok(lines.some((line) => / event=hidden_tree_set_aside .*name="h\\nforged"/.test(line)));
  },
);

// The committed fixtures are what their builder writes. `WRITE_FIXTURES=1` writes them; the difference is then reviewed.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { operationList } from '../../protocol/index.ts';
import { type Case, textOf } from '../protocol/fixtures/builder.ts';
import { HOSTILE, WIRE } from '../protocol/fixtures/fixture.ts';
import { hostileCases } from '../protocol/fixtures/hostile.ts';
import { notificationCases, replyCases } from '../protocol/fixtures/replies.ts';
import { requestCases } from '../protocol/fixtures/requests.ts';

function compare(t: Test, folder: URL, cases: readonly Case[]) {
  const files = new Map(cases.map((one) => [`${one.file}.txt`, textOf(one)]));
  t.equal(files.size, cases.length, 'every case has a file of its own');
  const present = readdirSync(folder).filter((file) => file !== 'kernel-header.txt');
  if (process.env.WRITE_FIXTURES) {
    for (const file of present) rmSync(new URL(file, folder));
    for (const [file, text] of files) writeFileSync(new URL(file, folder), text);
    return;
  }
  t.same(present.sort(), [...files.keys()].sort(), 'no file is missing or left over');
  for (const [file, text] of files) {
    if (readFileSync(new URL(file, folder), 'utf8') !== text)
      t.fail(`${file} is not what its builder writes`);
  }
}

t.test('wire', async (t) => compare(t, WIRE, [...requestCases, ...replyCases, ...notificationCases]));
t.test('hostile', async (t) => compare(t, HOSTILE, hostileCases));

t.test('every operation has a request, and a reply if it is answered', async (t) => {
  const files = new Set([...requestCases, ...replyCases].map((one) => one.file));
  for (const { name, answered } of operationList) {
    const file = name.toLowerCase().replaceAll('_', '-');
    t.ok(files.has(`${file}.request`), `${name} request`);
    t.equal(files.has(`${file}.reply`), answered, `${name} reply`);
  }
});

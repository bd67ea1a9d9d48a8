// Every recorded transcript once more, without a mount: the same layers, the same requests in the same order, and the answers and the
// layers afterwards mean the same.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { decodeReply, decodeRequest, encodeRequest, operations } from '../../protocol/index.ts';
import { FileSystem } from '../../src/layers/filesystem.ts';
import { handlers, undo } from '../../src/ops/index.ts';
import { Device } from '../../src/session/device.ts';
import { Exchange } from '../../src/session/handle.ts';
import { RequestSlots } from '../../src/session/interrupt.ts';
import { prepareLayers, releaseLayers } from '../session/layers.ts';
import { layOut, snapshot } from './session-layers.ts';
import { Mapping } from './session-mapping.ts';
import { readTranscript } from './session-transcript.ts';

const folder = fileURLToPath(new URL('../../fixtures/session/', import.meta.url));
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };

for (const file of readdirSync(folder)) {
  t.test(file, async (t) => {
    const { recipe, dialect, messages, after } = readTranscript(folder + file);
    const layers = t.testdir({});
    layOut(layers, recipe);
    const setup = prepareLayers(layers);
    const device = new Device(-1);
    const exchange = new Exchange({
      served: { handlers, undo },
      request: device.request,
      reply: device.reply,
      dialect,
      fs: new FileSystem(setup, 1, () => false),
      slots: new RequestSlots(RequestSlots.allocate(1)),
      index: 0,
      debug: false,
    });
    const mapping = new Mapping(self);
    for (const { request, reply, words } of messages) {
      const recorded = decodeRequest(request, dialect);
      const bytes = encodeRequest(mapping.request(recorded), dialect);
      device.request.set(bytes);
      const length = exchange.handle(bytes.length);
      if (reply === undefined) {
        t.equal(length, 0, words[0]);
        continue;
      }
      const operation = operations[recorded.operation];
      const sizeOnly = recorded.fields?.size === 0;
      const actual = decodeReply(operation, device.reply.slice(0, length), sizeOnly);
      const [then, now] = mapping.replies(recorded, decodeReply(operation, reply, sizeOnly), actual);
      t.same(now, then, words[0]);
    }
    t.same(snapshot(layers), after, 'the layers afterwards');
    releaseLayers(setup);
  });
}

import t from 'tap';
import { Growth } from '../../src/session/growth.ts';
import { Occupancy } from '../../src/session/occupancy.ts';
import { close } from '../../src/sys/fd.ts';
import { Kernel } from './kernel.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (condition: () => boolean) => {
  for (let i = 0; i < 500 && !condition(); i++) await pause(2);
};

function growing(isOfUse = () => true) {
  const kernel = new Kernel();
  const occupancy = new Occupancy(Occupancy.allocate());
  let grown = 0;
  const grow = (most: number) => {
    if (most > 0) grown++;
  };
  const growth = new Growth({ occupancy, device: kernel.device, isOfUse, grow });
  const end = () => {
    growth.stop();
    kernel.unmount();
    close(kernel.device);
  };
  return { kernel, occupancy, growth, end, grown: () => grown };
}

t.test('busy workers alone are no shortage, a request that comes later is', async (t) => {
  const { kernel, growth, end, grown } = growing();
  growth.watch();
  growth.watch();
  await pause(60);
  t.equal(grown(), 0);
  kernel.ask({ operation: 'DESTROY' });
  await until(() => grown() > 0);
  await pause(60);
  t.equal(grown(), 1, 'once, until it is told to watch again');
  growth.watch();
  await until(() => grown() > 1);
  t.equal(grown(), 2);
  end();
});

t.test('it rests as soon as a worker waits, and is told when none does', async (t) => {
  const { kernel, occupancy, growth, end, grown } = growing();
  kernel.ask({ operation: 'DESTROY' });
  occupancy.wait();
  growth.watch();
  await until(() => occupancy.claimGrowth());
  occupancy.allowGrowth();
  await pause(30);
  t.equal(grown(), 0);
  t.ok(occupancy.take(), 'the worker tells');
  growth.watch();
  await until(() => grown() > 0);
  t.equal(grown(), 1);
  end();
});

t.test('a worker that goes just before it may tell is seen', async (t) => {
  const { kernel, occupancy, growth, end, grown } = growing();
  kernel.ask({ operation: 'DESTROY' });
  occupancy.wait();
  const allowGrowth = occupancy.allowGrowth.bind(occupancy);
  occupancy.allowGrowth = () => {
    t.notOk(occupancy.take());
    allowGrowth();
  };
  growth.watch();
  await until(() => grown() > 0);
  t.equal(grown(), 1);
  end();
});

t.test('a device that is gone has nobody who waits', async (t) => {
  const { kernel, growth, grown } = growing();
  kernel.unmount();
  growth.watch();
  await pause(60);
  t.equal(grown(), 0);
  growth.stop();
  close(kernel.device);
});

t.test('no worker is added that would have nothing to compute on', async (t) => {
  let idle = false;
  const { kernel, growth, end, grown } = growing(() => idle);
  kernel.ask({ operation: 'DESTROY' });
  growth.watch();
  await pause(60);
  t.equal(grown(), 0);
  idle = true;
  await until(() => grown() > 0);
  t.equal(grown(), 1);
  end();
});

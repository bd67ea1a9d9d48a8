// Points in what takes several steps, at which the tests stop a worker or kill the daemon. Nothing that a daemon is given (options,
// environment, files, messages) reaches them: only code that is loaded into the process before ours can, `node --import`.

export type FaultPoint =
  | 'object.found'
  | 'permission.asked'
  | 'metadata.opened'
  | 'directory.free'
  | 'listing.begun'
  | 'listing.read'
  | 'copyup.temporary'
  | 'copyup.data'
  | 'copyup.metadata'
  | 'copyup.synced'
  | 'copyup.said'
  | 'copyup.ready'
  | 'copyup.published'
  | 'copyup.durable'
  | 'copyup.removed'
  | 'source.checked'
  | 'source.aside'
  | 'takeback.aside'
  | 'link.opened'
  | 'link.made'
  | 'link.entered'
  | 'link.seen'
  | 'link.found'
  | 'link.taken'
  | 'link.durable'
  | 'link.keeping'
  | 'link.kept'
  | 'link.gone'
  | 'link.dropped'
  | 'links.opened'
  | `hidden.gone-${number}`
  | 'remove.found'
  | 'remove.hidden'
  | 'remove.removed'
  | 'rename.found'
  | 'rename.hidden'
  | 'rename.renamed'
  | 'name.linked'
  | 'rename.linked'
  | 'rename.exchanged'
  | 'rename.back'
  | 'rename.moved'
  | 'make.room'
  | 'make.made'
  | 'mirror.named'
  | 'mirror.ready'
  | 'mirror.made'
  | 'renamedir.announced'
  | 'renamedir.intent'
  | 'renamedir.cleared'
  | `renamedir.moved-${number}`
  | 'renamedir.done'
  | 'exchange.announced'
  | `exchange.moved-${number}`;

type Hook = (point: FaultPoint) => void;

const hook = (globalThis as { [key: symbol]: Hook | undefined })[Symbol.for('migratefs.faultpoint')];

/** A step has been done. What comes next may never happen, or much later. */
export function reach(point: FaultPoint): void {
  if (hook !== undefined) hook(point);
}

// THE table: one row for each operation of the protocol (kernel header, enum fuse_opcode). Nothing else repeats what it says.
import { bytes, checkOperations, type Operation, records, reply, replyRest, row } from './operation.ts';
import * as s from './structs.ts';

const OK = reply();
const ATTR = reply(s.fuse_attr_out);
const ENTRY = reply(s.fuse_entry_out);
const OPENED = reply(s.fuse_open_out);
const CREATED = reply(s.fuse_entry_out, s.fuse_open_out);
const BYTES = replyRest('bytes');

// A reply of null: nobody waits for one.
// biome-ignore format: a table
const rows = {
  //                        opcode  request                       reply                                  names, payload …
  LOOKUP:             row(  1, null,                        ENTRY,                                 { names: ['lookup'] }),
  FORGET:             row(  2, s.fuse_forget_in,            null),
  GETATTR:            row(  3, s.fuse_getattr_in,           ATTR),
  SETATTR:            row(  4, s.fuse_setattr_in,           ATTR),
  READLINK:           row(  5, null,                        BYTES),
  SYMLINK:            row(  6, null,                        ENTRY,                                 { names: ['entry', 'target'], extensions: true }),
  MKNOD:              row(  8, s.fuse_mknod_in,             ENTRY,                                 { names: ['entry'], extensions: true }),
  MKDIR:              row(  9, s.fuse_mkdir_in,             ENTRY,                                 { names: ['entry'], extensions: true }),
  UNLINK:             row( 10, null,                        OK,                                    { names: ['entry'] }),
  RMDIR:              row( 11, null,                        OK,                                    { names: ['entry'] }),
  RENAME:             row( 12, s.fuse_rename_in,            OK,                                    { names: ['entry', 'entry'] }),
  LINK:               row( 13, s.fuse_link_in,              ENTRY,                                 { names: ['entry'] }),
  OPEN:               row( 14, s.fuse_open_in,              OPENED),
  READ:               row( 15, s.fuse_read_in,              BYTES),
  WRITE:              row( 16, s.fuse_write_in,             reply(s.fuse_write_out),               { payload: bytes('size') }),
  STATFS:             row( 17, null,                        reply(s.fuse_statfs_out)),
  RELEASE:            row( 18, s.fuse_release_in,           OK),
  FSYNC:              row( 20, s.fuse_fsync_in,             OK),
  SETXATTR:           row( 21, s.fuse_setxattr_in,          OK,                                    { names: ['xattr'], payload: bytes('size'),
    compat: { request: s.fuse_setxattr_in_compat, unless: 'hasSetxattrExtension' } }),
  GETXATTR:           row( 22, s.fuse_getxattr_in,          replyRest('size-or-bytes'),            { names: ['xattr'] }),
  LISTXATTR:          row( 23, s.fuse_getxattr_in,          replyRest('size-or-bytes')),
  REMOVEXATTR:        row( 24, null,                        OK,                                    { names: ['xattr'] }),
  FLUSH:              row( 25, s.fuse_flush_in,             OK),
  INIT:               row( 26, s.fuse_init_in,              reply(s.fuse_init_out),                { elasticFrom: s.fuse_init_in_compat }),
  OPENDIR:            row( 27, s.fuse_open_in,              OPENED),
  READDIR:            row( 28, s.fuse_read_in,              replyRest('dirents')),
  RELEASEDIR:         row( 29, s.fuse_release_in,           OK),
  FSYNCDIR:           row( 30, s.fuse_fsync_in,             OK),
  GETLK:              row( 31, s.fuse_lk_in,                reply(s.fuse_lk_out)),
  SETLK:              row( 32, s.fuse_lk_in,                OK),
  SETLKW:             row( 33, s.fuse_lk_in,                OK),
  ACCESS:             row( 34, s.fuse_access_in,            OK),
  CREATE:             row( 35, s.fuse_create_in,            CREATED,                               { names: ['entry'], extensions: true }),
  INTERRUPT:          row( 36, s.fuse_interrupt_in,         null),
  BMAP:               row( 37, s.fuse_bmap_in,              reply(s.fuse_bmap_out)),
  DESTROY:            row( 38, null,                        OK),
  IOCTL:              row( 39, s.fuse_ioctl_in,             replyRest('bytes', s.fuse_ioctl_out),  { payload: bytes('in_size') }),
  POLL:               row( 40, s.fuse_poll_in,              reply(s.fuse_poll_out)),
  NOTIFY_REPLY:       row( 41, s.fuse_notify_retrieve_in,   null,                                  { payload: bytes('size') }),
  BATCH_FORGET:       row( 42, s.fuse_batch_forget_in,      null,                                  { payload: records('count', s.fuse_forget_one) }),
  FALLOCATE:          row( 43, s.fuse_fallocate_in,         OK),
  READDIRPLUS:        row( 44, s.fuse_read_in,              replyRest('direntplus')),
  RENAME2:            row( 45, s.fuse_rename2_in,           OK,                                    { names: ['entry', 'entry'] }),
  LSEEK:              row( 46, s.fuse_lseek_in,             reply(s.fuse_lseek_out)),
  COPY_FILE_RANGE:    row( 47, s.fuse_copy_file_range_in,   reply(s.fuse_write_out)),
  SETUPMAPPING:       row( 48, s.fuse_setupmapping_in,      OK),
  REMOVEMAPPING:      row( 49, s.fuse_removemapping_in,     OK,                                    { payload: records('count', s.fuse_removemapping_one) }),
  SYNCFS:             row( 50, s.fuse_syncfs_in,            OK,                                    { since: 34 }),
  TMPFILE:            row( 51, s.fuse_create_in,            CREATED,                               { names: ['ignored'], extensions: true, since: 37 }),
  STATX:              row( 52, s.fuse_statx_in,             reply(s.fuse_statx_out),               { since: 39 }),
  COPY_FILE_RANGE_64: row( 53, s.fuse_copy_file_range_in,   reply(s.fuse_copy_file_range_out),     { since: 45 }),
};

export type OperationName = keyof typeof rows;
export type OperationOf<N extends OperationName> = Operation & { readonly name: N };

const named = Object.entries(rows).map(([name, rest]): [string, Operation] => [
  name,
  Object.freeze({ name, ...rest }),
]);

/** Each operation by its name. */
export const operations = Object.freeze(Object.fromEntries(named)) as {
  readonly [N in OperationName]: OperationOf<N>;
};

/** All rows, by opcode. */
export const operationList: readonly OperationOf<OperationName>[] = Object.values(operations);
checkOperations(operationList);

const byOpcode: (OperationOf<OperationName> | undefined)[] = [];
for (const operation of operationList) byOpcode[operation.opcode] = operation;

/** The row of an opcode, if there is one. */
export function operationOf(opcode: number): OperationOf<OperationName> | undefined {
  return byOpcode[opcode];
}

/** INIT's opcode as a kernel of the other byte order sends it (kernel header: FUSE_INIT_BSWAP_RESERVED). */
export const SWAPPED_INIT_OPCODE = 436_207_616;

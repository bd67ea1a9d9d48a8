// Every struct of the kernel header, declared once, in the header's names and field order.
export * from './structs/attributes.ts';
export * from './structs/control.ts';
export * from './structs/entries.ts';
export * from './structs/files.ts';
export * from './structs/notifications.ts';
export * from './structs/session.ts';
